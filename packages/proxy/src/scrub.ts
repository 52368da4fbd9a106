/** Takes keys, and the names of accounts, out of what is said of them. One of the three files that reveal a secret. */
import { isUtf8 } from "node:buffer";
import type { Secret, SecretVersion } from "@keybearer/secrets";
import { compileSearch } from "./pattern-search.ts";

const REDACTED = "[redacted]";

/** Shorter pieces of a key are no key, and would tear holes into words. */
const SHORTEST = 8;

// OpenAI and Groq name the organisation and the project, xAI the team, Google the project's number, AWS the caller's ARN.
// Ids have a digit or a capital, or stand behind what they are: `user_authentication` is a word.
const ACCOUNTS = new RegExp(
  [
    String.raw`\b(?:org|proj|team|user)[-_](?=[a-z]*[A-Z\d])[A-Za-z\d]{8,}\b`,
    String.raw`(?<=\b(?:organi[sz]ation|project|team)[: ]+["'\x60]?)(?:org|proj|team)[-_][\w-]+`,
    String.raw`(?<=\bteams?[: /]+["'\x60]?)[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b`,
    String.raw`(?<=\bprojects?(?:[ _]number|[ _]id)?[ /:=#"']+)\d{6,}\b`,
    String.raw`\barn:aws[\w-]*:[^\s"'<>,;]+`,
  ].join("|"),
  "g",
);

/** The text without the keys that were sent, plain or encoded, whole or masked, and without ids of the account behind. */
export function scrub(text: string, versions: readonly SecretVersion[]): string {
  let scrubbed = text;
  for (const key of valuesOf(versions)) {
    scrubbed = scrubbed.replace(escaped(key), REDACTED);
    for (const coded of encoded(key)) scrubbed = scrubbed.replaceAll(coded, REDACTED);
    scrubbed = withoutMasked(scrubbed, key);
  }
  return scrubbed.replace(ACCOUNTS, REDACTED);
}

/** As `scrub`; all other bytes stay as they are, whatever text they are. */
export function scrubBytes(bytes: Uint8Array, versions: readonly SecretVersion[]): Uint8Array {
  const encoding = isUtf8(bytes) ? "utf8" : "latin1";
  return Buffer.from(scrub(Buffer.from(bytes).toString(encoding), versions), encoding);
}

/** A pattern of longer ones might be too large to be compiled. */
const LONGEST_IN_PATTERN = 1024;

/** Takes secrets out: each becomes `[secret 3f9a1c07]`. */
export interface SecretScrubber {
  readonly text: (text: string) => string;
  /** Of text in UTF-8. All other bytes stay as they are: keys are ASCII, and so is each of their forms. */
  readonly bytes: (bytes: Buffer) => Buffer;
}

/**
 * For texts of our own, a log's or an admin page's, in which the secrets stand plain, escaped or encoded. All are looked for
 * at once, and time grows with the text much more than with their number. Bytes without any of them, which nearly all are,
 * take from a tenth to a third of the time of text.
 */
export function secretScrubber(secrets: Iterable<Secret>): SecretScrubber {
  const names = new Map<string, string>();
  for (const secret of secrets) {
    const value = secret.reveal();
    if (value.length < SHORTEST) continue;
    for (const form of [...spelt(value), ...encoded(value)]) names.set(form, String(secret));
  }
  // Without an alternative a pattern would match everywhere.
  if (names.size === 0) return { text: (text) => text, bytes: (bytes) => bytes };
  // The longest first, so that none leaves a piece of another.
  const forms = [...names.keys()].toSorted((a, b) => b.length - a.length);
  const text = textScrubber(forms, names);
  const holdsAny = compileSearch(forms.map((form) => Buffer.from(form, "latin1")));
  return {
    text,
    bytes: (bytes) => (holdsAny(bytes) ? Buffer.from(text(bytes.toString("latin1")), "latin1") : bytes),
  };
}

function textScrubber(forms: readonly string[], names: ReadonlyMap<string, string>): (text: string) => string {
  const long = forms.filter(({ length }) => length > LONGEST_IN_PATTERN);
  const pattern = forms.slice(long.length).map(inPattern);
  const known = pattern.length === 0 ? undefined : new RegExp(pattern.join("|"), "g");
  return (text) => {
    const rest = long.reduce((left, form) => left.replaceAll(form, names.get(form) ?? REDACTED), text);
    return known ? rest.replace(known, (form) => names.get(form) ?? REDACTED) : rest;
  };
}

/** As it is, in JSON, in a URL and in a form. */
function spelt(value: string): string[] {
  const inUrl = [encodeURIComponent(value), new URLSearchParams([["", value]]).toString().slice(1)];
  const lower = inUrl.map((text) => text.replace(/%../g, (escape) => escape.toLowerCase()));
  return [value, JSON.stringify(value).slice(1, -1), ...inUrl, ...lower];
}

function valuesOf(versions: readonly SecretVersion[]): string[] {
  const secrets = versions.flatMap(({ secret, parts = {} }) => [secret, ...Object.values(parts)]);
  return [...new Set(secrets.map((secret) => secret.reveal()))].filter((value) => value.length >= SHORTEST);
}

/** The key as it is, or with any of its characters escaped: in URLs, JSON and HTML each encoder has its own habits. */
function escaped(key: string): RegExp {
  const each = Array.from(key, (character) => {
    const literal = inPattern(character);
    const code = character.charCodeAt(0);
    const hex = code
      .toString(16)
      .padStart(2, "0")
      .replace(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
    const numbered = [`%${hex}`, String.raw`\\u00${hex}`, `&#0*${code};`, `&#x0*${hex};`];
    return `(?:${[literal, String.raw`\\${literal}`, ...numbered, ...(ENTITIES[character] ?? [])].join("|")})`;
  });
  return new RegExp(each.join(""), "g");
}

function inPattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`);
}

const ENTITIES: Readonly<Record<string, readonly string[]>> = {
  "&": ["&amp;"],
  "<": ["&lt;"],
  ">": ["&gt;"],
  '"': ["&quot;"],
  "'": ["&apos;"],
};

/** The longest first, so that none leaves a piece of another. */
function encoded(key: string): string[] {
  const hex = Buffer.from(key).toString("hex");
  const all = [hex, hex.toUpperCase(), ...[0, 1, 2].flatMap((offset) => base64(key, offset))];
  return [...new Set(all)].filter(({ length }) => length >= SHORTEST).toSorted((a, b) => b.length - a.length);
}

/** What the key is in base64 so many bytes behind a multiple of three, without what its neighbours decide. */
function base64(key: string, offset: number): string[] {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(key)]);
  const clean = [0, 2, 3][offset];
  const whole = bytes.toString("base64").slice(clean);
  const inner = whole.slice(0, Math.floor((bytes.length * 4) / 3) - (clean ?? 0));
  return [whole, inner].flatMap((text) => [text, text.replaceAll("+", "-").replaceAll("/", "_")]);
}

/** `sk-proj-****21sA`, `gs***tF`, `****fcc2`, `sk-...21sA`: its middle hidden, one end or both shown. */
const MASKS = /[*•]{2,}(?:\.\.)*|\.{3,}|…|[xX]{4,}/g;
const MOST_SHOWN = 24;

/** A mask that has neither end of the key beside it is somebody's stars. */
function withoutMasked(text: string, key: string): string {
  let kept = "";
  let from = 0;
  for (const { 0: mask, index } of text.matchAll(MASKS)) {
    const end = index + mask.length;
    const head = shownBefore(text, index, key);
    const tail = shownAfter(text, end, key);
    const isPlain = mask.startsWith("*") || mask.startsWith("•");
    const shows = isPlain ? head + tail >= 3 : head + tail >= 6 || tail >= 4;
    if (!shows || index - head < from) continue;
    kept += text.slice(from, index - head) + REDACTED;
    from = end + tail;
  }
  return kept + text.slice(from);
}

/** How many characters of the key's beginning stand before this place. */
function shownBefore(text: string, at: number, key: string): number {
  for (let length = Math.min(MOST_SHOWN, key.length - 1, at); length > 0; length--) {
    if (text[at - 1] === key[length - 1] && text.startsWith(key.slice(0, length), at - length)) return length;
  }
  return 0;
}

/** How many characters of the key's end stand behind this place. */
function shownAfter(text: string, at: number, key: string): number {
  for (let length = Math.min(MOST_SHOWN, key.length - 1); length > 0; length--) {
    if (text[at] === key.at(-length) && text.startsWith(key.slice(-length), at)) return length;
  }
  return 0;
}
