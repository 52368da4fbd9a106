import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openAIDialect } from "../../index.ts";

/** `operation suffix`, with the marks of what the body holds. */
function told(method: string, path: string, hasJsonBody = false): string | undefined {
  const call = openAIDialect.classify(method, path, hasJsonBody);
  if (call === undefined) return undefined;
  return [call.operation, call.suffix, call.takesModel && "model", call.streamsUsageOnRequest && "usage"]
    .filter(Boolean)
    .join(" ");
}

describe("a call below /v1/", () => {
  test.each([
    ["POST", "/v1/chat/completions", "chat /chat/completions model usage"],
    ["POST", "/v1/completions", "text_completion /completions model usage"],
    ["POST", "/v1/responses", "responses /responses model"],
    ["POST", "/v1/responses/compact", "responses /responses/compact model"],
    ["POST", "/v1/responses/input_tokens", "responses /responses/input_tokens model"],
    ["GET", "/v1/responses/resp_1", "responses /responses/resp_1"],
    ["DELETE", "/v1/responses/resp_1", "responses /responses/resp_1"],
    ["POST", "/v1/responses/resp_1/cancel", "responses /responses/resp_1/cancel"],
    ["GET", "/v1/responses/resp_1/input_items", "responses /responses/resp_1/input_items"],
    ["POST", "/v1/embeddings", "embeddings /embeddings model"],
    ["POST", "/v1/moderations", "moderations /moderations model"],
    ["POST", "/v1/images/generations", "images /images/generations model"],
    ["POST", "/v1/images/edits", "images /images/edits model"],
    ["POST", "/v1/audio/speech", "audio /audio/speech model"],
    ["POST", "/v1/audio/transcriptions", "audio /audio/transcriptions model"],
    ["GET", "/v1/models", "models /models"],
    ["GET", "/v1/models/gpt-4o", "models /models/gpt-4o"],
    ["GET", "/v1/models/org/model.v2", "models /models/org/model.v2"],
    ["GET", "/v1/models/org%2Fmodel", "models /models/org%2Fmodel"],
    ["GET", "/v1/models/ft%3Agpt-4o%3Aacme", "models /models/ft%3Agpt-4o%3Aacme"],
    ["GET", "/v1/files", "files /files"],
    ["POST", "/v1/files", "files /files"],
    ["DELETE", "/v1/files/file-1", "files /files/file-1"],
    ["GET", "/v1/files/file-1/content", "files /files/file-1/content"],
    ["POST", "/v1/batches", "batches /batches"],
    ["GET", "/v1/batches/batch_1", "batches /batches/batch_1"],
    ["POST", "/v1/batches/batch_1/cancel", "batches /batches/batch_1/cancel"],
    ["POST", "/team/a/v1/chat/completions", "chat /chat/completions model usage"],
    ["POST", "/v1/x/v1/embeddings", "embeddings /embeddings model"],
  ])("%s %s is %s", (method, path, expected) => {
    expect(told(method, path)).toBe(expected);
    expect(told(method, path, true)).toBe(expected);
  });

  test.each([
    ["GET", "/v1/organization/admin_api_keys"],
    ["POST", "/v1/threads"],
    ["POST", "/v1/fine_tuning/jobs"],
    ["GET", "/v1/assistants"],
    ["POST", "/v1/realtime/sessions"],
    ["GET", "/v1/chat/completions"],
    ["PUT", "/v1/embeddings"],
    ["DELETE", "/v1/models/gpt-4o"],
    ["POST", "/v1/responses/resp_1"],
    ["GET", "/v1/files/a/b"],
    ["GET", "/v1/files/a%2Fcontent"],
    ["GET", "/a%2Fb/v1/models"],
    ["GET", "/v1/files/"],
    ["GET", "/v1/models/"],
    ["POST", "/v1/chat/completions/"],
    ["POST", "/v1/CHAT/completions"],
    ["POST", "/v1/constructor"],
    ["POST", "/v1/"],
    ["POST", "/v1"],
  ])("%s %s is none", (method, path) => {
    expect(told(method, path, true)).toBeUndefined();
  });
});

describe("a call outside /v1/", () => {
  test.each([
    ["POST", "/chat/completions", "chat /chat/completions model usage"],
    ["POST", "/openai/chat/completions", "chat /chat/completions model usage"],
    ["POST", "/openai/completions", "text_completion /completions model usage"],
    ["POST", "/a/b/embeddings", "embeddings /embeddings model"],
    ["GET", "/openai/models/gpt-4o", "models /models/gpt-4o"],
    ["GET", "/openai/responses/resp_1", "responses /responses/resp_1"],
  ])("%s %s is told by its ending: %s", (method, path, expected) => {
    expect(told(method, path)).toBe(expected);
  });

  test("with JSON and no known ending is a chat completion", () => {
    for (const path of ["/", "/openai", "/openai/", "/my/route", "/threads"]) {
      expect(told("POST", path, true)).toBe("chat /chat/completions model usage");
      expect(told("POST", path, false)).toBeUndefined();
      expect(told("GET", path, true)).toBeUndefined();
    }
  });

  test("is none where its ending does not take its method, or it only hides its /v1/", () => {
    for (const path of [
      "/openai/models",
      "/V1/threads",
      "/a/v1",
      "/%761/threads",
      "/v1%2Fthreads",
      "/a/../v1/threads",
    ]) {
      expect(told("POST", path, true)).toBeUndefined();
    }
    expect(told("GET", "/x%2Fv1/models")).toBeUndefined();
  });
});

describe("what is sent", () => {
  test("stays below an inference endpoint, however it is decoded", () => {
    const piece = fc.constantFrom(
      ..."/ . .. %2e %2E %2f %2F %5c \\ ; // %25 %252e %00 ? # v1 models files batches responses chat".split(" "),
      "completions",
      "content",
      "organization",
      "threads",
      "cancel",
      "a",
      "%c3%a9",
      "%3a",
      "/v1/",
      "/models/",
      "/",
    );
    const tail = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join(""));
    const path = fc.oneof(
      tail,
      tail.map((each) => `/v1/models/${each}`),
      tail.map((each) => `/v1/files/${each}`),
    );
    let accepted = 0;
    fc.assert(
      fc.property(fc.constantFrom("GET", "POST", "DELETE"), path, (method, spelt) => {
        const suffix = openAIDialect.classify(method, spelt, true)?.suffix;
        if (suffix === undefined) return;
        accepted++;
        expect(spelt.endsWith(suffix) || suffix === "/chat/completions").toBe(true);
        const decoded = decodeURIComponent(suffix);
        for (const reading of [suffix, decoded, decoded.replaceAll("\\", "/").replace(/;[^/]*/g, "")]) {
          const { pathname } = new URL(`https://api.example.com/v1${reading}`);
          expect(pathname).toMatch(
            /^\/v1\/(chat\/completions$|completions$|models$|models\/.|files$|files\/[^/]+(\/content)?$|batches$|batches\/[^/]+(\/cancel)?$|responses$|responses\/[^/]+(\/cancel|\/input_items)?$)/,
          );
        }
      }),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(20);
  });

  test("is looked for in bounded time", () => {
    expect(told("POST", "/a".repeat(100_000), true)).toBeUndefined();
  });
});

describe("a route's config", () => {
  test("names the call, whatever its path looks like", () => {
    expect(openAIDialect.callOfType("completions", "POST", "/anything")).toMatchObject({
      operation: "chat",
      suffix: "/chat/completions",
    });
    expect(openAIDialect.callOfType("responses", "POST", "/x")).toMatchObject({
      suffix: "/responses",
      takesModel: true,
    });
    expect(openAIDialect.callOfType("embeddings", "POST", "/x")).toMatchObject({
      suffix: "/embeddings",
      takesModel: true,
    });
    expect(openAIDialect.callOfType("models", "GET", "/x")).toMatchObject({ suffix: "/models", takesModel: false });
  });

  test("keeps the id that the path names", () => {
    expect(openAIDialect.callOfType("models", "GET", "/v1/models/gpt-4o").suffix).toBe("/models/gpt-4o");
    expect(openAIDialect.callOfType("responses", "GET", "/v1/responses/resp_1").suffix).toBe("/responses/resp_1");
  });

  test("lets a call pass as it is, or as far as it is known", () => {
    const passthrough = { operation: "passthrough", suffix: undefined, takesModel: false };
    expect(openAIDialect.callOfType("passthrough", "POST", "/v1/chat/completions")).toMatchObject(passthrough);
    expect(openAIDialect.callOfType("detect", "POST", "/v1/threads")).toMatchObject(passthrough);
    expect(openAIDialect.callOfType("detect", "POST", "/v1/chat/completions")).toMatchObject({
      operation: "chat",
      takesModel: true,
    });
  });
});
