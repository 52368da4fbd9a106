import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readConversation } from "../../index.ts";

const read = (body: unknown) =>
  readConversation(Buffer.from(typeof body === "string" ? body : JSON.stringify(body, null, 1)));
const opening = (body: unknown) => Buffer.concat([...read(body).opening]).toString();
const system = { role: "system", content: 'be "kind" ]}' };
const user = (content: unknown) => ({ content, role: "user" });

describe("what a body says of its conversation", () => {
  test("is read where OpenAI's and Anthropic's clients put it", () => {
    expect(
      read({
        prompt_cache_key: "key",
        conversation: { id: "conv_1" },
        conversation_id: "c",
        previous_response_id: "resp_1",
        metadata: { user_id: "user_a_session_b", other: 1 },
      }),
    ).toEqual({
      promptCacheKey: "key",
      conversation: "conv_1",
      conversationId: "c",
      previousResponseId: "resp_1",
      userId: "user_a_session_b",
      opening: [],
    });
    expect(read({ conversation: "conv_2" }).conversation).toBe("conv_2");
    expect(read({ conversation: null, prompt_cache_key: 7, metadata: "user_id" })).toEqual(read({}));
    expect(read({ prompt_cache_key: "x".repeat(5_000) }).promptCacheKey).toBeUndefined();
  });

  test("the opening stays the same as the conversation goes on, and differs from another's", () => {
    const first = { model: "m", messages: [system, user("hello")], tools: [{ type: "function" }] };
    const later = { ...first, model: "n", messages: [...first.messages, { role: "assistant" }, user("more")] };
    expect(opening(first)).not.toBe("");
    expect(opening(later)).toBe(opening(first));
    expect(opening({ ...first, messages: [system, user("goodbye")] })).not.toBe(opening(first));
    expect(opening({ ...first, tools: [] })).not.toBe(opening(first));
    expect(opening({ input: "hello", instructions: "be kind" })).toBe('"be kind""hello"');
    expect(opening({ input: [user([{ type: "input_text" }]), user("two")] })).toContain("input_text");
    expect(read({ messages: Array.from({ length: 99 }, () => system) }).opening.length).toBe(16);
  });

  test("is nothing in what is no JSON object", () => {
    for (const body of ["", "[]", "null", "{", '{"messages":[', '"x"']) expect(read(body)).toEqual(read({}));
    expect(opening({ messages: 1 })).toBe("1");
    expect(opening({ messages: [] })).toBe("");
    expect(read({ messages: [1, null, "user", []] }).opening.length).toBe(4);
  });

  test("is read from any bytes without a crash", () => {
    const name = fc.constantFrom("messages", "input", "conversation", "metadata", "tools");
    fc.assert(
      fc.property(fc.dictionary(name, fc.jsonValue()), fc.nat(400), (body, cut) => {
        const text = JSON.stringify(body);
        read(text);
        read(text.slice(0, cut));
      }),
    );
  });
});
