import { readFile } from "node:fs/promises";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openAIDialect } from "../../index.ts";

function scan(...chunks: (string | Uint8Array)[]) {
  const scanner = openAIDialect.usageScanner();
  for (const chunk of chunks) scanner.push(Buffer.from(chunk));
  return { usage: scanner.usage, model: scanner.model };
}

/** Tokens alone, as one word. */
function tokens(text: string): string | undefined {
  const { usage } = scan(text);
  return usage && `${usage.inputTokens}+${usage.outputTokens}=${usage.totalTokens}`;
}

const answers = [
  [
    "chat.json",
    "gpt-4.1-2025-04-14",
    { inputTokens: 19, outputTokens: 10, totalTokens: 29, cachedInputTokens: 8, reasoningTokens: 4 },
  ],
  ["embeddings.json", "text-embedding-ada-002", { inputTokens: 8, outputTokens: 0, totalTokens: 8 }],
  [
    "responses.json",
    "gpt-4.1-2025-04-14",
    { inputTokens: 36, outputTokens: 87, totalTokens: 123, cachedInputTokens: 12, reasoningTokens: 64 },
  ],
  [
    "chat-stream.sse",
    "gpt-4o-mini",
    { inputTokens: 9, outputTokens: 12, totalTokens: 21, cachedInputTokens: 0, reasoningTokens: 0 },
  ],
  ["azure-stream.sse", "gpt-4o-2024-11-20", { inputTokens: 5, outputTokens: 1, totalTokens: 6 }],
  [
    "responses-stream.sse",
    "gpt-4.1-2025-04-14",
    { inputTokens: 37, outputTokens: 11, totalTokens: 48, reasoningTokens: 3 },
  ],
] as const;

describe.each(answers)("of %s", (name, model, usage) => {
  test("model and tokens are read, in one piece and byte by byte", async () => {
    const answer = await readFile(new URL(`fixtures/${name}`, import.meta.url));
    expect(scan(answer)).toEqual({ usage, model });
    expect(scan(...Array.from(answer, (byte) => Uint8Array.of(byte)))).toEqual({ usage, model });
  });
});

describe("usage", () => {
  test("is the last that tells numbers", () => {
    expect(
      tokens('{"usage":{"prompt_tokens":1}} {"usage":{"prompt_tokens":2,"completion_tokens":3}} {"usage":null}'),
    ).toBe("2+3=5");
    expect(tokens('{"usage":{"input_tokens":1},"x":{"usage":{"properties":{}}}}')).toBe("1+0=1");
    expect(tokens('{"usage" :\n\t{ "total_tokens" : 9, "output_tokens" : 4 } }')).toBe("0+4=9");
  });

  test.each([
    ['{"content":"\\"usage\\":{\\"prompt_tokens\\":1}"}'],
    ['{"content":"a\\"usage":{"prompt_tokens":1}}'],
    ['{"content":"usage","prompt_tokens":1}'],
    ['{"my_usage":{"prompt_tokens":1}}'],
    ['{"usage"usage":{"prompt_tokens":1}}'],
    ['{"usage":"{\\"prompt_tokens\\":1}"}'],
    ['{"usage":[{"prompt_tokens":1}]}'],
    ['{"usage":{"prompt_tokens":"1"}}'],
    ['{"usage":{"prompt_tokens":-1}}'],
    ['{"usage":{"seconds":9,"type":"duration"}}'],
    ['{"usage":{"prompt_tokens":1'],
    ['{"usage":{"prompt_tokens":1,}}'],
    [`{"usage":{"x":"${"a".repeat(9000)}","prompt_tokens":1}}`],
  ])("is not found in %s", (text) => {
    expect(tokens(text)).toBeUndefined();
  });

  test("is found behind braces and quotes in strings, and behind one that is too long", () => {
    expect(tokens('{"usage":{"a":"}\\"}{","b":{"c":{}},"prompt_tokens":1}}')).toBe("1+0=1");
    expect(tokens(`{"usage":{"x":"${"a".repeat(9000)}"}}{"usage":{"prompt_tokens":1}}`)).toBe("1+0=1");
  });

  test("does not depend on how the answer is split", () => {
    const piece = fc.constantFrom(
      '"usage"',
      '"usage":{',
      '"model":"a"',
      '"model"',
      ':"b"',
      '"prompt_tokens":1',
      '"completion_tokens":2',
      ",",
      "}",
      "{",
      '"',
      "\\",
      ":",
      " ",
      "\n",
      "null",
      '"us',
      'age"',
      '\\"usage":{',
      '"usage":{"prompt_tokens":3}',
      "é",
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 30 }),
        fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
        (pieces, sizes) => {
          const whole = Buffer.from(pieces.join(""));
          const chunks: Buffer[] = [];
          for (let at = 0; at < whole.length;) {
            const size = sizes.next().value ?? 1;
            chunks.push(whole.subarray(at, at + size));
            at += size;
          }
          expect(scan(...chunks)).toEqual(scan(whole));
        },
      ),
      { numRuns: 1500 },
    );
  });

  test("is what JSON.parse finds, whatever else stands there", () => {
    const value = fc.oneof(fc.nat(), fc.double(), fc.maxSafeInteger(), fc.constantFrom(null, "1", true, [1], {}));
    const details = fc.dictionary(fc.constantFrom("cached_tokens", "reasoning_tokens", "audio_tokens"), value);
    const counted = ["prompt_tokens", "completion_tokens", "input_tokens", "output_tokens"];
    const others = ["total_tokens", "cached_tokens", "tokens", "\\u0070rompt_tokens"];
    const name = fc.constantFrom(...counted, ...counted.map((each) => `${each}_details`), ...others);
    const members = fc.array(fc.tuple(name, fc.oneof(value, details)), { maxLength: 8 });
    fc.assert(
      fc.property(members, (pairs) => {
        const usage = `{${pairs.map(([key, item]) => `"${key}":${JSON.stringify(item)}`).join(" , ")}}`;
        expect(scan(`{"usage":${usage},"model":"m"}`)).toEqual({ usage: usageOf(JSON.parse(usage)), model: "m" });
      }),
      { numRuns: 1000 },
    );
  });

  test("is read though the memory of a chunk is used again", () => {
    const scanner = openAIDialect.usageScanner();
    const memory = Buffer.alloc(1);
    for (const byte of Buffer.from('{"usage":{"prompt_tokens":12}}')) {
      memory[0] = byte;
      scanner.push(memory);
    }
    expect(scanner.usage?.inputTokens).toBe(12);
  });
});

test("the model is the first that is named", () => {
  expect(scan('{"model":null,"model":"","model":"a\\u0062\\"é","model":"z"}').model).toBe('ab"é');
  expect(scan('{"tools":{"model":{"type":"string"}},"content":"model"}').model).toBeUndefined();
});

type Json = Readonly<Record<string, unknown>>;

/** The same, from what JSON.parse has made of it. */
function usageOf(said: Json) {
  const number = (value: unknown) => (typeof value === "number" && value >= 0 ? value : undefined);
  const detail = (value: unknown, name: string) =>
    typeof value === "object" && value !== null ? number((value as Json)[name]) : undefined;
  const of = (input: string, output: string) => ({
    inputTokens: number(said[input]),
    outputTokens: number(said[output]),
    cachedInputTokens: detail(said[`${input}_details`], "cached_tokens"),
    reasoningTokens: detail(said[`${output}_details`], "reasoning_tokens"),
  });
  const isSaid = ({ inputTokens, outputTokens }: ReturnType<typeof of>) => (inputTokens ?? outputTokens) !== undefined;
  const found = [of("prompt_tokens", "completion_tokens"), of("input_tokens", "output_tokens")].find(isSaid);
  if (!found) return undefined;
  const { inputTokens = 0, outputTokens = 0 } = found;
  const totalTokens = number(said["total_tokens"]) ?? inputTokens + outputTokens;
  return { ...found, inputTokens, outputTokens, totalTokens };
}
