/** Which keys are known, and for how long. */
import { createSeal, systemClock } from "@keybearer/secrets";
import { expect, test } from "vitest";
import { knownKeys } from "./known-keys.ts";

function open() {
  const closing = new AbortController();
  const seal = knownKeys.following(createSeal({ source: "test", clock: systemClock }), closing.signal);
  return { seal, close: () => closing.abort() };
}

const isKnown = (value: string): boolean => !knownKeys.scrub(`a text with ${value} in it`).includes(value);

test("a key is known from when it is sealed, and so are its parts and those before it, up to a number", () => {
  const { seal } = open();
  expect(isKnown("plum-0-of-one-source")).toBe(false);
  for (let turn = 0; turn < 12; turn++) seal(`plum-${turn}-of-one-source`, { parts: { id: "plum-part-that-stays" } });
  expect(["plum-0-of-one-source", "plum-11-of-one-source", "plum-part-that-stays"].map(isKnown)).toEqual(
    Array(3).fill(true),
  );
  for (let turn = 12; turn < 500; turn++) seal(`plum-${turn}-of-one-source`, { parts: { id: "plum-part-that-stays" } });
  expect(["plum-499-of-one-source", "plum-part-that-stays"].map(isKnown)).toEqual([true, true]);
  expect(isKnown("plum-0-of-one-source")).toBe(false);
});

test("a key that is open stays known, however many others are opened, changed and closed meanwhile", () => {
  open().seal("quince-that-stays-open");
  const { seal, close } = open();
  seal("quince-that-is-closed-first");
  close();
  expect(isKnown("quince-that-is-closed-first")).toBe(true);
  for (let turn = 0; turn < 300; turn++) {
    const other = open();
    other.seal(`quince-of-another-${turn}`);
    other.close();
  }
  expect(isKnown("quince-that-stays-open")).toBe(true);
  expect(isKnown("quince-of-another-299")).toBe(true);
  expect(isKnown("quince-that-is-closed-first")).toBe(false);
});

test("of bytes, a key goes and all others stay, whatever text they are", () => {
  open().seal("damson-of-a-line-of-bytes");
  const before = Buffer.from("a caf\u00e9 with damson-of-a-line-of-bytes, \u2026 and a byte that is no text: ");
  const bytes = Buffer.concat([before, Buffer.of(0xff, 0x0a)]);
  const scrubbed = knownKeys.scrubBytes(bytes);
  expect(scrubbed.toString("latin1")).toBe(knownKeys.scrub(bytes.toString("latin1")));
  expect(scrubbed.toString()).toMatch(/^a café with \[secret [\da-f]{8}\], … and a byte that is no text: \ufffd\n$/);
  const clean = Buffer.from("nothing to hide");
  expect(knownKeys.scrubBytes(clean)).toBe(clean);
});

test("what a source seals after it was given up is known as well", () => {
  const { seal, close } = open();
  close();
  seal("medlar-that-came-late");
  expect(isKnown("medlar-that-came-late")).toBe(true);
});
