/** Header values with parameters, as multipart bodies have them: `form-data; name="model"`. */

export interface HeaderValue {
  /** Lower case. */
  readonly value: string;
  /** By lower-case name. */
  readonly parameters: ReadonlyMap<string, Parameter>;
}

interface Parameter {
  readonly value: string;
  /** Whether a backslash or a percent sign stands in it, which some readers decode and some do not. */
  readonly isAmbiguous: boolean;
}

const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const first = new RegExp(`^[ \\t]*(${token}(?:/${token})?)[ \\t]*`);
const parameter = new RegExp(
  `;[ \\t]*(?:(${token})=(?:(${token})|"((?:[^"\\\\\\x00-\\x08\\x0a-\\x1f\\x7f]|\\\\[^\\x00-\\x08\\x0a-\\x1f\\x7f])*)")[ \\t]*)?`,
  "y",
);

/** Undefined for what is malformed or names a parameter twice. */
export function parseHeaderValue(text: string): HeaderValue | undefined {
  const start = first.exec(text);
  if (start === null) return undefined;
  const parameters = new Map<string, Parameter>();
  for (let at = start[0].length; at < text.length; at = parameter.lastIndex) {
    parameter.lastIndex = at;
    const found = parameter.exec(text);
    if (found === null) return undefined;
    const name = found[1]?.toLowerCase();
    if (name === undefined) continue; // a lone semicolon
    if (parameters.has(name)) return undefined;
    const raw = found[2] ?? found[3] ?? "";
    parameters.set(name, { value: raw.replaceAll(/\\(.)/g, "$1"), isAmbiguous: /[\\%]/.test(raw) });
  }
  return { value: (start[1] ?? "").toLowerCase(), parameters };
}
