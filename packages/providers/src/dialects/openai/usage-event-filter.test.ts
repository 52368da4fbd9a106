import { readFile } from "node:fs/promises";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openAIDialect } from "../../index.ts";

function filter(...chunks: (string | Uint8Array)[]): string {
  const filter = openAIDialect.usageEventFilter();
  const kept = chunks.map((chunk) => filter.push(Buffer.from(chunk)));
  return Buffer.concat([...kept, filter.end()].filter((each) => each !== undefined)).toString();
}

const fixture = async (name: string) => readFile(new URL(`fixtures/${name}`, import.meta.url));
const usage = '{"choices":[],"usage":{"total_tokens":2}}';
const other = 'data: {"choices":[{"delta":{"content":"a"}}],"usage":null}';

describe("the usage event", () => {
  test("is taken out of a stream, split anywhere", async () => {
    const stream = await fixture("chat-stream.sse");
    const expected = (await fixture("chat-stream.without-usage.sse")).toString();
    expect(filter(stream)).toBe(expected);
    expect(filter(...Array.from(stream, (byte) => Uint8Array.of(byte)))).toBe(expected);
    for (let at = 0; at < stream.length; at += 13) {
      expect(filter(stream.subarray(0, at), stream.subarray(at))).toBe(expected);
    }
  });

  test("is none without usage, as Azure's first event", async () => {
    const stream = (await fixture("azure-stream.sse")).toString();
    const events = stream.split("\n\n");
    expect(filter(stream)).toBe(events.filter((_, i) => i !== 2).join("\n\n"));
  });

  test.each([
    ["\n", "\n"],
    ["\r\n", "\r\n"],
    ["\r", "\r"],
  ])("may end its lines with %j", (line) => {
    const end = line + line;
    const stream = [other, `data: ${usage}`, other, "data: [DONE]", ""].join(end);
    expect(filter(stream)).toBe([other, other, "data: [DONE]", ""].join(end));
  });

  test.each([
    ["several lines of data", 'data: {"choices":[ ],\ndata:"usage":\ndata: {"a":1}}\n\n'],
    ["a comment", `: comment\ndata: ${usage}\n\n`],
    ["a byte order mark", `\uFEFFdata: ${usage}\n\n`],
    ["no blank after the colon", `data:${usage}\n\n`],
    ["no end", `data: ${usage}\n`],
  ])("may have %s", (_, event) => {
    expect(filter(event)).toBe("");
    expect(filter(...Array.from(event))).toBe("");
  });

  test.each([
    ["choices", 'data: {"choices":[{}],"usage":{"total_tokens":2}}\n\n'],
    ["no choices", 'data: {"usage":{"total_tokens":2}}\n\n'],
    ["null for usage", 'data: {"choices":[],"usage":null}\n\n'],
    ["an error", 'data: {"choices":[],"usage":{},"error":{"message":"x"}}\n\n'],
    ["usage deeper down only", 'data: {"choices":[],"x":{"usage":{"a":1}}}\n\n'],
    ["no JSON", 'data: {"choices":[],"usage":{\n\n'],
  ])("is none with %s", (_, event) => {
    expect(filter(event)).toBe(event);
    expect(filter(...Array.from(event))).toBe(event);
  });
});

describe("other events", () => {
  test("go on as the same chunk where nothing changes", () => {
    const filter = openAIDialect.usageEventFilter();
    for (const text of [`${other}\n\n`, `${other}\n\n: ping\n\n${other}\n\n`, "data: [DONE]\n\n"]) {
      const chunk = Buffer.from(text);
      expect(filter.push(chunk)).toBe(chunk);
    }
    expect(filter.end()).toBeUndefined();
  });

  test("go on at once, and only what is incomplete waits", () => {
    const filter = openAIDialect.usageEventFilter();
    const push = (text: string) => filter.push(Buffer.from(text))?.toString();
    expect(push(`${other}\n\ndata: {"cho`)).toBe(`${other}\n\n`);
    expect(push('ices":')).toBeUndefined();
    expect(push("[1]}\n\ndata")).toBe('data: {"choices":[1]}\n\n');
    expect(Buffer.from(filter.end() ?? []).toString()).toBe("data");
  });

  test("wait in memory of their own", () => {
    const filter = openAIDialect.usageEventFilter();
    const memory = Buffer.from("data: 1");
    expect(filter.push(memory)).toBeUndefined();
    memory.fill(0);
    expect(filter.push(Buffer.from("\n\n"))?.toString()).toBe("data: 1\n\n");
  });

  test("longer than 1 MiB are let through, and the next one is looked at again", () => {
    const long = `data: {"choices":[],"usage":{"x":"${"a".repeat(1_048_576)}"}}\n\n`;
    const stream = Buffer.from(`${long}data: ${usage}\n\n${other}\n\n`);
    const expected = `${long}${other}\n\n`;
    const chunks = Array.from({ length: Math.ceil(stream.length / 65_536) }, (_, i) =>
      stream.subarray(i * 65_536, (i + 1) * 65_536),
    );
    expect(filter(stream) === expected).toBe(true);
    expect(filter(...chunks) === expected).toBe(true);
    const held = openAIDialect.usageEventFilter();
    expect(chunks.slice(0, 17).some((chunk) => held.push(chunk) !== undefined)).toBe(true);
  });
});

test("what goes on does not depend on how the stream is split", () => {
  const piece = fc.constantFrom(
    ..."\n|\r|\r\n|\n\n|\r\n\r\n|\r\r|data: |: c|\uFEFF|[DONE]|x".split("|"),
    other,
    ...["", "\n\n", "\r\r", "\r\n\r\n"].map((end) => `data: ${usage}${end}`),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 12 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 12 })),
      (pieces, sizes) => {
        const whole = Buffer.from(pieces.join(""));
        const chunks: Buffer[] = [];
        for (let at = 0; at < whole.length;) {
          const size = sizes.next().value ?? 1;
          chunks.push(whole.subarray(at, at + size));
          at += size;
        }
        expect(filter(...chunks)).toBe(filter(whole));
      },
    ),
    { numRuns: 1500 },
  );
});
