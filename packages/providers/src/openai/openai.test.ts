import { createSeal } from "@keybearer/secrets";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { HeaderList, openAI } from "../index.ts";

describe("openAI", () => {
  test("is where OpenAI is, and speaks its dialect", () => {
    expect([openAI.name, openAI.system, openAI.origin + openAI.basePath, openAI.dialect.name]).toEqual([
      "openAI",
      "openai",
      "https://api.openai.com/v1",
      "openai",
    ]);
  });

  test("sends a key as a bearer", () => {
    const out = { headers: HeaderList.from(["Authorization", "Bearer theirs"]), path: "/", query: "" };
    openAI.placement.place(createSeal({ source: "test", clock: { now: () => 0 } })("k"), out);
    expect(out.headers.toFlat()).toEqual(["authorization", "Bearer k"]);
  });

  test.each([
    [{}, true],
    [{ model: "gpt-4o-mini" }, true],
    [{ model: "" }, false],
    [{ model: 4 }, false],
    [{ modle: "gpt-4o" }, false],
    [null, false],
  ])("takes %j: %s", (yaml, valid) => {
    expect(v.safeParse(openAI.schema, yaml).success).toBe(valid);
  });
});
