import { createParser } from "eventsource-parser";
import { describe, expect, test } from "vitest";
import { openAIDialect } from "../../index.ts";

describe("an error", () => {
  test.each([
    [400, "invalid_request_error"],
    [401, "invalid_request_error"],
    [403, "permission_error"],
    [404, "invalid_request_error"],
    [413, "invalid_request_error"],
    [415, "invalid_request_error"],
    [429, "rate_limit_error"],
    [502, "server_error"],
    [504, "server_error"],
  ])("of status %i is a %s", (status, type) => {
    const body = openAIDialect.errorBody({ status, code: "a_code", message: 'a "message"\n' });
    expect(JSON.parse(body)).toEqual({ error: { message: 'a "message"\n', type, param: null, code: "a_code" } });
  });

  test("names the parameter at fault", () => {
    const body = openAIDialect.errorBody({ status: 400, code: "c", message: "m", param: "model" });
    expect(JSON.parse(body)).toMatchObject({ error: { param: "model" } });
  });

  test("in a stream is one event, and no end of the stream", () => {
    const data: string[] = [];
    const text = openAIDialect.streamError({ status: 502, code: "upstream_broke", message: "line\nline" });
    createParser({ onEvent: (event) => data.push(event.data) }).feed(text);
    expect(data.map((each) => JSON.parse(each))).toMatchObject([
      { error: { type: "server_error", message: "line\nline" } },
    ]);
    expect(text).not.toContain("[DONE]");
  });

  test("in a stream of the Responses API is an event of that name", () => {
    const events: [string | undefined, unknown][] = [];
    const facts = { status: 504, code: "upstream_slow", message: "too slow" };
    createParser({ onEvent: ({ event, data }) => events.push([event, JSON.parse(data)]) }).feed(
      openAIDialect.streamError(facts, "responses"),
    );
    const error = { message: "too slow", type: "server_error", param: null, code: "upstream_slow" };
    expect(events).toEqual([
      ["error", { type: "error", code: "upstream_slow", message: "too slow", param: null, sequence_number: 0, error }],
    ]);
  });
});
