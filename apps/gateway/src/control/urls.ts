/** Where a caller on this machine reaches a bind. */

/** `http://localhost:3000`. */
export function bindUrl(address: string | undefined, port: number): string {
  const everywhere = address === undefined || address === "0.0.0.0" || address === "::";
  const host = everywhere || address === "127.0.0.1" ? "localhost" : address.includes(":") ? `[${address}]` : address;
  return `http://${host}:${port}`;
}
