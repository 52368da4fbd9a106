import { assert, integer, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { openAIDialect } from "../../index.ts";

const role =
  'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"","refusal":null},"finish_reason":null}]}\n\n';
const word = 'data: {"choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n';
const refused = 'data: {"error":{"message":"no","code":"invalid_api_key"}}\n\n';

function told(text: string): unknown {
  return openAIDialect.streamOpening().push(Buffer.from(text));
}

describe("the opening of a stream", () => {
  test.each([
    ["comments and pings", ": OPENROUTER PROCESSING\n\n: ping\r\n\r\nevent: ping\n\n"],
    ["the role", role],
    ["an event without choices", 'data: {"choices":[],"prompt_filter_results":[]}\n\n'],
    [
      "a response that was created",
      'event: response.created\ndata: {"type":"response.created","response":{"error":null}}\n\n',
    ],
    ["half an event", word.slice(0, 20)],
  ])("lasts over %s", (_, text) => {
    expect(told(text)).toBe("opening");
  });

  test.each([
    ["a word", role + word],
    ["a tool call", 'data: {"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}\n\n'],
    ["a reason to finish", 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'],
    ["a completion's text", 'data: {"choices":[{"text":"a"}]}\n\n'],
    ["a delta of a response", 'data: {"type":"response.output_text.delta","delta":"a"}\n\n'],
    ["the end", "data: [DONE]\n\n"],
    ["what is no event of ours", "data: hello\n\n"],
    ["a word behind a long comment", `: ${"\u00e9".repeat(3000)}\n\n${role}${word}`],
    ["more than 64 KiB", `: ${"x".repeat(70_000)}`],
  ])("ends with %s", (_, text) => {
    expect(told(text)).toBe("content");
  });

  test.each([
    ["an error event", role + refused, '{"error":{"message":"no","code":"invalid_api_key"}}'],
    ["an error of the responses API", 'data: {"type":"error","code":"x"}\n\n', '{"type":"error","code":"x"}'],
    [
      "a response that failed",
      'data: {"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded"}}}\n\n',
      '{"error":{"code":"rate_limit_exceeded"}}',
    ],
  ])("tells %s", (_, text, error) => {
    expect(told(text)).toEqual({ error });
  });

  test("is the same however the stream is split", () => {
    const bytes = Buffer.from(`: hello\r\n\r\n${role}${refused}`);
    assert(
      property(integer({ min: 1, max: bytes.length - 1 }), (at) => {
        const opening = openAIDialect.streamOpening();
        const first = opening.push(bytes.subarray(0, at));
        const verdict = first === "opening" ? opening.push(bytes.subarray(at)) : first;
        expect(verdict).toMatchObject({ error: expect.stringContaining("invalid_api_key") as string });
      }),
    );
  });
});
