/** Texts of our own, without the keys that we know. */
import { array, assert, constantFrom, property, string, stringMatching } from "fast-check";
import { secretScrubber } from "@keybearer/proxy";
import { createSeal, systemClock, type Secret } from "@keybearer/secrets";
import { expect, test } from "vitest";

const seal = createSeal({ source: "test", clock: systemClock });
const secretOf = (value: string): Secret => seal(value).secret;

const key = stringMatching(/^[A-Z][!-~]{11,59}$/);
const spellings: readonly ((value: string) => string)[] = [
  (value) => value,
  (value) => JSON.stringify({ value }),
  (value) => Buffer.from(value).toString("hex"),
  (value) => Buffer.from(value).toString("hex").toUpperCase(),
  encodeURIComponent,
  (value) => encodeURIComponent(value).replace(/%../g, (escape) => escape.toLowerCase()),
  (value) => new URLSearchParams({ value }).toString(),
  (value) => Buffer.from(value).toString("base64"),
  (value) => Buffer.from(value).toString("base64url"),
  (value) => `Basic ${Buffer.from(`user:${value}`).toString("base64")}`,
  (value) => Buffer.from(`{"a":"${value}"}`).toString("base64url"),
];

test("each key becomes its fingerprint, and the rest stays", () => {
  const secrets = ["sk-proj-the-one+key/of=ours", "apricot-the-other"].map(secretOf);
  const [one, two] = secrets.map(String);
  const scrub = secretScrubber(secrets).text;
  expect(scrub("refused: sk-proj-the-one+key/of=ours, and apricot-the-other; apricot-the-othe\n")).toBe(
    `refused: ${one}, and ${two}; apricot-the-othe\n`,
  );
  expect(scrub(`Basic ${btoa("user:apricot-the-other")}`)).toMatch(/^Basic dXNlcj[\w]?\[secret [\da-f]{8}\]/);
});

test("no spelling of a known key is left, whatever stands around it and however many are known", () => {
  const texts = array(string(), { minLength: 3, maxLength: 3 });
  assert(
    property(
      array(key, { minLength: 1, maxLength: 20 }),
      texts,
      constantFrom(...spellings),
      (values, around, spell) => {
        const scrubber = secretScrubber(values.map(secretOf));
        const text = values.map(spell).join(around[0]) + around.join("");
        const told = scrubber.text(text);
        expect(scrubber.bytes(Buffer.from(text)).toString()).toBe(told);
        for (const value of values) {
          expect(told).not.toContain(value);
          for (const word of told.split(/[^\w+/=%-]+/)) {
            expect(Buffer.from(word, "base64").toString("latin1")).not.toContain(value.slice(2, -2));
            expect(Buffer.from(word, "hex").toString("latin1")).not.toContain(value);
          }
        }
      },
    ),
    { numRuns: 200 },
  );
});

test("a line of JSON stays JSON", () => {
  assert(
    property(key, string(), (value, rest) => {
      const line = secretScrubber([secretOf(value)]).text(JSON.stringify({ message: `${rest}${value}${rest}` }));
      expect((JSON.parse(line) as { message: string }).message).toContain("[secret ");
    }),
  );
});

test("of two keys, one of which begins with the other, none leaves a piece", () => {
  const secrets = ["sk-shared-opening", "sk-shared-opening-and-more"].map(secretOf);
  const [short, long] = secrets.map(String);
  expect(secretScrubber(secrets).text("sk-shared-opening-and-more sk-shared-opening")).toBe(`${long} ${short}`);
});

test("a key of the greatest length is found as well, and thousands at once", () => {
  const great = secretOf("k".repeat(30_000) + "/".repeat(30_000));
  const scrub = secretScrubber([
    great,
    ...Array.from({ length: 4_000 }, (_, index) => secretOf(`sk-number-${index}-`)),
  ]).text;
  expect(scrub(`<${"k".repeat(30_000)}${"/".repeat(30_000)}> sk-number-3999-`)).toMatch(
    /^<\[secret [\da-f]{8}\]> \[secret [\da-f]{8}\]$/,
  );
});

test("without a key, and for one too short to be one, nothing changes", () => {
  const text = "a log line that says password and more";
  const bytes = Buffer.from(text);
  for (const secrets of [[], [secretOf("a"), secretOf("line"), secretOf("that")], [secretOf("sk-that-is-elsewhere")]]) {
    expect(secretScrubber(secrets).text(text)).toBe(text);
    expect(secretScrubber(secrets).bytes(bytes)).toBe(bytes);
  }
});
