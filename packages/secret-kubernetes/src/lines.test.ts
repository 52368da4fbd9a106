import * as fc from "fast-check";
import { expect, test } from "vitest";
import { linesOf } from "./lines.ts";

async function* inChunks(bytes: Uint8Array, lengths: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (let turn = 0; start < bytes.length; turn += 1) {
    const length = lengths[turn % lengths.length] ?? 1;
    yield bytes.subarray(start, start + length);
    start += length;
  }
}

async function gather(lines: AsyncIterable<string>): Promise<string[]> {
  const gathered: string[] = [];
  for await (const line of lines) gathered.push(line);
  return gathered;
}

const collect = (text: string, lengths: readonly number[], limit = 1_000) =>
  gather(linesOf(inChunks(new TextEncoder().encode(text), lengths), limit));

test("lines are the same however the stream is cut, through the middle of a character too", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: fc.constantFrom("a", "é", "😀", '"', " ") })),
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      async (lines, lengths) => {
        const text = lines.map((line) => `${line}\n`).join("");
        expect(await collect(text, lengths)).toEqual(lines.filter((line) => line !== ""));
      },
    ),
    { numRuns: 200 },
  ));

test.each([[[1]], [[4]], [[100]]])(
  "a line may have as many bytes as the limit, and no more: chunks of %j",
  async (lengths) => {
    expect(await collect("abcd\nabcd\n", lengths, 4)).toEqual(["abcd", "abcd"]);
    await expect(collect("abcde\n", lengths, 4)).rejects.toMatchObject({ code: "SECRET_UNAVAILABLE" });
  },
);

test("a line that does not end is given up at the limit, not gathered", async () => {
  let given = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      given += 10;
      yield new Uint8Array(10).fill(0x61);
    }
  }
  await expect(gather(linesOf(endless(), 100))).rejects.toMatchObject({ code: "SECRET_UNAVAILABLE" });
  expect(given).toBe(110);
});

test("a stream that ends in the middle of a line is broken", async () => {
  await expect(collect("a\nb", [1])).rejects.toMatchObject({ code: "SECRET_UNAVAILABLE" });
});
