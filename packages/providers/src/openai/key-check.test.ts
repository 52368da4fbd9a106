import { describe, expect, test } from "vitest";
import { HeaderList, openAI } from "../index.ts";

const judge = (status: number, body: unknown) =>
  openAI.keyCheck!.judge(status, new HeaderList(), typeof body === "string" ? body : JSON.stringify(body));
const error = (code: string | null, message = "sk-proj-****21sA is not good", type = "invalid_request_error") => ({
  error: { message, type, param: null, code },
});

describe("the free check of an OpenAI key", () => {
  test("asks for the list of models", () => {
    expect([openAI.keyCheck!.method, openAI.keyCheck!.path]).toEqual(["GET", "/models"]);
  });

  test.each([
    ["a list of models", 200, { object: "list", data: [] }, "yes", "unknown"],
    ["a page that anybody gets", 200, "<html>welcome</html>", "unknown", "unknown"],
    ["an object that is no list", 200, { ok: true }, "unknown", "unknown"],
    ["a redirect", 302, "", "unknown", "unknown"],
    ["a wrong key", 401, error("invalid_api_key"), "no", "no"],
    ["a refusal without a code", 401, "", "no", "no"],
    ["a closed account", 401, error("account_deactivated"), "no", "no"],
    [
      "a restricted key",
      403,
      error(null, "You have insufficient permissions. Missing scopes: api.model.read"),
      "yes",
      "unknown",
    ],
    ["an empty account", 429, error("insufficient_quota"), "yes", "no"],
    ["a limit", 429, error("rate_limit_exceeded", "slow down", "requests"), "yes", "unknown"],
    ["an address that is not allowed", 403, error("ip_not_authorized"), "unknown", "unknown"],
    ["a blocked address", 403, "<html>Cloudflare</html>", "unknown", "unknown"],
    ["no such path", 404, "not found", "unknown", "unknown"],
    ["the provider's own trouble", 503, error("server_error"), "unknown", "unknown"],
  ] as const)("%s: status %d", (_, status, body, authenticates, mayGenerate) => {
    expect(judge(status, body)).toMatchObject({ authenticates, mayGenerate });
  });

  test("repeats nothing of the answer", () => {
    for (const status of [200, 302, 401, 403, 404, 429, 500]) {
      expect(judge(status, error("canary-code", "canary-message", "canary-type")).detail).not.toContain("canary");
    }
  });
});
