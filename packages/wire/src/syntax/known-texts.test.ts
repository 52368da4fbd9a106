import * as fc from "fast-check";
import { expect, test } from "vitest";
import { readInPieces } from "../../test/heads-in-pieces.ts";
import { knownText } from "./known-texts.ts";
import { RequestHead } from "./request-head.ts";

const latin1 = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 80,
});

test("a text is what was sent, whatever was sent before", () => {
  fc.assert(
    fc.property(latin1, latin1, latin1, (before, text, after) => {
      const bytes = Buffer.from(before + text + after, "latin1");
      const known = knownText(bytes, before.length, before.length + text.length);
      bytes.fill(0);
      expect(known).toEqual({ text, lower: text.toLowerCase() });
    }),
    { numRuns: 5000 },
  );
});

test("texts in one place crowd each other out, and none is taken for the other", () => {
  // The same length, ends and middle.
  const names = ["x-aa-bb-y", "x-cc-dd-y", "x-ab-ba-y"];
  for (let round = 0; round < 3; round++)
    for (const name of names) expect(knownText(Buffer.from(name), 0, name.length).text).toBe(name);
});

test("the same text is the same string", () => {
  const once = knownText(Buffer.from("Content-Type"), 0, 12);
  expect(knownText(Buffer.from("..Content-Type"), 2, 14)).toBe(once);
});

test("heads that come in pieces, in turns, are each read as if they were alone", () => {
  const line = fc.tuple(fc.stringMatching(/^[A-Za-z-]{1,12}$/), fc.stringMatching(/^[!-~]{0,20}$/));
  const meaningless = line.filter(
    ([name]) => !/^(?:host|connection|proxy-connection|content-length|transfer-encoding)$/i.test(name),
  );
  const heads = fc.array(fc.array(meaningless, { maxLength: 12 }), { minLength: 2, maxLength: 4 });
  fc.assert(
    fc.property(heads, fc.integer({ min: 1, max: 40 }), (all, size) => {
      const texts = all.map((lines) =>
        ["POST /a HTTP/1.1", "Host: b", ...lines.map((pair) => pair.join(": ")), "", ""].join("\r\n"),
      );
      const readers = texts.map(() => new RequestHead());
      for (let start = 0; start < Math.max(...texts.map(({ length }) => length)); start += size)
        for (const [index, text] of texts.entries())
          if (start < text.length) readInPieces(readers[index]!, text.slice(start, start + size));
      expect(readers.map(({ headers }) => headers)).toEqual(all.map((lines) => ["Host", "b", ...lines.flat()]));
    }),
    { numRuns: 500 },
  );
});
