/** Known secrets, and a search for them in every form in which they could get out. */

/** Names of the canaries that are in the text: as they are, in hex, URL-encoded, or in base64 at any place of it. */
export function canariesIn(text: string, canaries: Readonly<Record<string, string>>): string[] {
  return Object.entries(canaries)
    .filter(([, value]) => formsOf(value).some((form) => text.includes(form)))
    .map(([name]) => name);
}

const known = new Map<string, readonly string[]>();

function formsOf(value: string): readonly string[] {
  let forms = known.get(value);
  if (!forms) {
    const bytes = Buffer.from(value);
    const hex = bytes.toString("hex");
    const base64 = [0, 1, 2].map((shift) => base64At(bytes, shift));
    forms = [
      value,
      JSON.stringify(value).slice(1, -1),
      encodeURIComponent(value),
      encodeURIComponent(value).toLowerCase(),
      hex,
      hex.toUpperCase(),
      ...base64,
      ...base64.map((text) => text.replaceAll("+", "-").replaceAll("/", "_")),
    ];
    known.set(value, forms);
  }
  return forms;
}

/** Those characters that the value alone decides, when it begins so many bytes behind a multiple of three. */
function base64At(bytes: Buffer, shift: number): string {
  const whole = Buffer.concat([Buffer.alloc(shift), bytes]);
  return whole.toString("base64").slice(Math.ceil((shift * 8) / 6), Math.floor((whole.length * 8) / 6));
}
