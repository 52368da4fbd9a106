import { describe, expect, test } from "vitest";
import { nodeEngine, wireEngine } from "./engine.ts";
import { holdToRequest } from "./request-runner.ts";
import { requestCases } from "./requests.ts";

test("each case has a name of its own", () => {
  expect(new Set(requestCases.map(({ name }) => name)).size).toBe(requestCases.length);
});

describe.each([nodeEngine, wireEngine])("$name, given", (engine) => {
  test.each(requestCases)("$name", (row) => holdToRequest(engine, row));
});
