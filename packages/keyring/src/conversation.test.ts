import { describe, expect, test } from "vitest";
import { conversationIdentity, openingHash } from "./index.ts";

const identity = (headers: Readonly<Record<string, string>>, body = {}) =>
  conversationIdentity((name) => headers[name], body);

describe("the identity of a conversation", () => {
  test("is the first of what clients send, from the most trusted on", () => {
    const headers: Record<string, string> = {
      "x-claude-code-session-id": "id-01",
      "session-id": "id-03",
      session_id: "id-04",
      "x-session-id": "id-05",
      "x-session-affinity": "id-06",
      "x-opencode-session": "id-07",
      "x-amp-thread-id": "id-08",
      "x-grok-conv-id": "id-09",
      "x-client-request-id": "never",
    };
    const body: Record<string, string> = {
      userId: "user_0a_account_b_session_id-02",
      promptCacheKey: "id-10",
      conversation: "id-11",
      conversationId: "id-12",
      previousResponseId: "id-13",
    };
    const order: (string | undefined)[] = [];
    for (let found = identity(headers, body); found !== undefined; found = identity(headers, body)) {
      order.push(found);
      for (const part of [headers, body]) {
        for (const [name, value] of Object.entries(part)) if (value.endsWith(found)) delete part[name];
      }
      if (order.length > 20) break;
    }
    expect(order).toEqual(Array.from({ length: 13 }, (_, at) => `id-${String(at + 1).padStart(2, "0")}`));
  });

  test("stands inside Anthropic's user id, as JSON or as text; a user alone is none", () => {
    const session = "9f1c0e5e-3f0f-4f57-9c6c-3a4d2a1c1b11";
    expect(identity({}, { userId: JSON.stringify({ device_id: "d", session_id: session }) })).toBe(session);
    expect(identity({}, { userId: `user_${"0".repeat(64)}_account__session_${session}` })).toBe(session);
    for (const userId of ["alice", "{", '{"session_id":7}', "[]", "null", '{"device_id":"d"}', "x".repeat(5_000)]) {
      expect(identity({}, { userId })).toBeUndefined();
    }
  });

  test("has a sane form, or is passed over for the next", () => {
    for (const bad of ["", "   ", "x".repeat(257), "línea", "a\u0000b", "a\nb"]) {
      expect(identity({ "session-id": bad }, { promptCacheKey: "next" })).toBe("next");
    }
    expect(identity({ "session-id": ` ${"x".repeat(256)} ` })).toBe("x".repeat(256));
  });
});

describe("the opening of a conversation", () => {
  const bytes = (text: string) => Buffer.from(text);

  test("names it where nothing else does, the same each time", () => {
    expect(openingHash(bytes("you are kind; hello"))).toMatch(/^opening:[0-9a-f]{16}$/);
    expect(openingHash([bytes("system"), bytes("hello")])).toBe(openingHash([bytes("system"), bytes("hello")]));
    expect(openingHash([])).toBeUndefined();
    expect(openingHash(bytes(""))).toBeUndefined();
  });

  test("differs for different openings", () => {
    const texts = Array.from({ length: 20_000 }, (_, at) => openingHash(bytes(`hello ${at}`)));
    expect(new Set(texts).size).toBe(texts.length);
    expect(openingHash([bytes("ab"), bytes("c")])).not.toBe(openingHash([bytes("a"), bytes("bc")]));
  });
});
