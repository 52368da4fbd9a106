/** Sizes: bytes as a whole number, or with a unit: `256MiB`, `1.5GB`. */

const unitsInBytes = new Map([
  ["", 1],
  ["B", 1],
  ["kB", 1e3],
  ["KB", 1e3],
  ["MB", 1e6],
  ["GB", 1e9],
  ["KiB", 2 ** 10],
  ["MiB", 2 ** 20],
  ["GiB", 2 ** 30],
]);

const maxSizeBytes = 2 ** 40;

export const sizeFix = "write bytes, or a unit: 256MiB, 1GiB, 500MB";

/** Whole bytes, rounded down. Undefined: not a size, or more than 1 TiB. */
export function parseSize(text: string): number | undefined {
  const { amount, unit = "" } = /^(?<amount>\d{1,15}(?:\.\d{1,3})?) ?(?<unit>[A-Za-z]{0,3})$/.exec(text)?.groups ?? {};
  const factor = unitsInBytes.get(unit);
  if (amount === undefined || factor === undefined || (factor === 1 && amount.includes("."))) return undefined;
  const bytes = Math.floor(Number(amount) * factor);
  return bytes <= maxSizeBytes ? bytes : undefined;
}
