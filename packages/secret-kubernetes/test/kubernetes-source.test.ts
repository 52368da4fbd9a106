import { inspect } from "node:util";
import { openSecret } from "@keybearer/secrets";
import { testSecretSource } from "@keybearer/secrets/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kubernetesSource } from "../src/index.ts";
import { type ApiServer, startApiServer } from "./api-server.ts";
import { cluster, failure, kubeconfig, kubeconfigText, open } from "./cluster.ts";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const KEY = "sk-test-8fJ2kLq0ZxW7vB3n";

describe("as every source", () => {
  let shared: ApiServer;
  let directory = "";
  let count = 0;
  beforeAll(async () => {
    shared = await startApiServer();
    directory = mkdtempSync(join(tmpdir(), "keybearer-kubernetes-"));
    writeFileSync(join(directory, "config"), kubeconfigText({ server: shared.url }));
  });
  afterAll(async () => {
    await shared.close();
    rmSync(directory, { recursive: true });
  });
  testSecretSource({
    test,
    source: kubernetesSource,
    changes: true,
    watches: true,
    malformedRefs: [4_919_577_201, {}, "openai-secret", { name: "" }, { name: "4919577201_" }],
    place: (text) => {
      const name = `key-${(count += 1)}`;
      const write = (next: string) => void shared.store.put("ai", name, { "api-key": next });
      write(text);
      return {
        ref: { name, namespace: "ai", key: "api-key", kubeconfig: join(directory, "config") },
        write,
        remove: () => void shared.store.remove("ai", name),
      };
    },
  });
});

describe("what stands below kubernetes:", () => {
  test.each([
    ["no name", { namespace: "ai" }, /name at least/],
    ["a name with a slash", { name: "ai/openai" }, /name of a Secret/],
    ["a name in capitals", { name: "OpenAI" }, /name of a Secret/],
    ["a namespace with a dot", { name: "a", namespace: "a.b" }, /name of a namespace/],
    ["a data key with a slash", { name: "a", key: "a/b" }, /field in the Secret's data/],
    ["an unknown field", { name: "a", property: "b" }, /expected \{ name, namespace, key, kubeconfig, context \}/],
  ])("is refused with %s", async (_what, ref, message) => {
    const opened = openSecret(kubernetesSource, ref);
    await expect(opened).rejects.toMatchObject({
      code: "SECRET_MALFORMED",
      message: expect.stringMatching(message),
    });
  });
});

describe("the field Authorization", () => {
  test.each([
    ["a key", KEY, KEY],
    ["Bearer and a key", `Bearer ${KEY}`, KEY],
    ["white space around both", `\n Bearer ${KEY} \r\n`, KEY],
    ["two spaces behind Bearer", `Bearer  ${KEY}`, KEY],
  ])("may hold %s", async (_what, text, key) => {
    const api = await cluster();
    api.store.put("ai", "openai-secret", { Authorization: text });
    const { handle } = await open(api);
    expect(handle.current().secret.reveal()).toBe(key);
  });

  test.each([
    ["bearer in small letters", { Authorization: `bearer ${KEY}` }, {}],
    ["Bearer twice", { Authorization: `Bearer Bearer ${KEY}` }, {}],
    ["Bearer alone", { Authorization: "Bearer " }, {}],
    ["Bearer in another field", { "api-key": `Bearer ${KEY}` }, { key: "api-key" }],
    ["Bearer in authorization", { authorization: `Bearer ${KEY}` }, { key: "authorization" }],
  ])("keeps its word elsewhere, as agentgateway does, so that it is refused: %s", async (_what, data, ref) => {
    const api = await cluster();
    api.store.put("ai", "openai-secret", data);
    const error = await failure(api, ref);
    expect(error).toMatchObject({ code: "SECRET_MALFORMED", message: "the word Bearer is part of the key" });
    expect(error.found).toMatch(/^ai\/openai-secret, field \S+, /);
  });

  test("that is not there is told with the names of those that are, and no value", async () => {
    const api = await cluster();
    api.store.put("ai", "openai-secret", { "api-key": KEY, org: "org-1" });
    const error = await failure(api);
    expect(error).toMatchObject({
      code: "SECRET_NOT_FOUND",
      message: "the Secret has no field Authorization",
      found: "ai/openai-secret has api-key, org",
      fix: "name the field in key",
    });
    api.store.put("ai", "openai-secret", {});
    expect(await failure(api)).toMatchObject({ code: "SECRET_NOT_FOUND", found: "ai/openai-secret, without data" });
    expect(await failure(api, { key: "constructor" })).toMatchObject({ code: "SECRET_NOT_FOUND" });
  });

  test.each([
    ["no base64", "c2s=x", "no base64"],
    ["base64 with bits left over", "c2t=", "no base64"],
    ["base64 without its end", "c2st", undefined],
    ["no UTF-8", "/////w==", "no UTF-8"],
  ])("that is %s", async (_what, encoded, message) => {
    const api = await cluster();
    api.store.putEncoded("ai", "openai-secret", { Authorization: encoded });
    if (message === undefined) expect((await open(api)).handle.current().secret.reveal()).toBe("sk-");
    else
      expect(await failure(api)).toMatchObject({ code: "SECRET_MALFORMED", message: expect.stringContaining(message) });
  });
});

describe("opening", () => {
  test("asks for the one Secret, and lists and watches it with a selector for its name", async () => {
    const api = await cluster();
    api.store.put("ai", "openai-secret", { Authorization: KEY });
    api.store.put("ai", "another", { Authorization: KEY });
    const watched = api.next("watch");
    const { handle } = await open(api);
    expect(handle.status()).toEqual({ state: "fresh", watched: true });
    expect(Object.fromEntries((await watched).query)).toEqual({
      fieldSelector: "metadata.name=openai-secret",
      watch: "1",
      allowWatchBookmarks: "true",
      resourceVersion: String(api.store.version),
      timeoutSeconds: "60",
    });
    expect(api.requests.map(({ verb, path }) => [verb, path])).toEqual([
      ["get", "/api/v1/namespaces/ai/secrets/openai-secret"],
      ["list", "/api/v1/namespaces/ai/secrets"],
      ["watch", "/api/v1/namespaces/ai/secrets"],
    ]);
  });

  test("tells when the field was written, not when another one was", async () => {
    const api = await cluster();
    api.store.put("ai", "openai-secret", { Authorization: KEY });
    api.store.time = "2026-11-24T11:00:00Z";
    api.store.put("ai", "openai-secret", { Authorization: KEY, more: "x" });
    const { handle, next } = await open(api);
    expect(handle.current().writtenAt).toBe(Date.parse("2026-11-24T10:00:00Z"));
    const changed = next();
    api.store.time = "2026-11-24T12:00:00Z";
    api.store.put("ai", "openai-secret", { Authorization: "sk-2", more: "x" });
    await changed;
    expect(handle.current().writtenAt).toBe(Date.parse("2026-11-24T12:00:00Z"));
  });

  test("needs no more than a Role that names the Secret", async () => {
    const rules = [{ verbs: ["get", "list", "watch"], resourceNames: ["openai-secret"] }] as const;
    const api = await cluster({ rules });
    api.store.put("ai", "openai-secret", { Authorization: KEY });
    const watched = api.next("watch");
    const { next } = await open(api);
    await watched;
    const changed = next();
    api.store.put("ai", "openai-secret", { Authorization: "sk-2" });
    expect(await changed).toBe("sk-2");
  });

  test("without a permission is denied, and the mend is two commands for this account", async () => {
    const api = await cluster({ rules: [] });
    api.store.put("ai", "openai-secret", { Authorization: KEY });
    const error = await failure(api);
    expect(error).toMatchObject({ code: "SECRET_DENIED", source: "kubernetes", found: "ai/openai-secret" });
    expect(error.fix).toBe(
      "kubectl -n ai create role keybearer-openai-secret --verb=get,list,watch --resource=secrets --resource-name=openai-secret; " +
        "kubectl -n ai create rolebinding keybearer-openai-secret --role=keybearer-openai-secret --serviceaccount=llm:keybearer",
    );
  });

  test("what is not there, or an API server that fails or is gone, is told apart", async () => {
    const api = await cluster();
    expect(await failure(api)).toMatchObject({ code: "SECRET_NOT_FOUND", found: "ai/openai-secret" });
    api.fail({ verb: "get", answer: { status: 503 } });
    expect(await failure(api)).toMatchObject({
      code: "SECRET_UNAVAILABLE",
      message: "the API server answered 503",
    });
    api.fail({ verb: "get", answer: { status: 200, body: `{"kind":"Secret","data":"${KEY}"}` } });
    const strange = await failure(api);
    expect(strange).toMatchObject({ code: "SECRET_UNAVAILABLE" });
    expect(inspect(strange, { depth: 9, showHidden: true })).not.toContain(KEY);
    api.fail({ verb: "get", answer: { status: 200, body: `"${"x".repeat(5 * 1024 * 1024)}"` } });
    expect((await failure(api)).message).toContain("more than 4 MiB");
    await api.close();
    expect(await failure(api)).toMatchObject({
      code: "SECRET_UNAVAILABLE",
      message: "the API server cannot be reached: ECONNREFUSED",
    });
  });

  test("a key that is refused right after a look that found nothing new is looked for all the same", async () => {
    const api = await cluster();
    api.store.put("ai", "openai-secret", { Authorization: KEY });
    const { handle } = await open(api);
    const rejected = handle.current().id;
    await handle.refresh();
    // No event helps out.
    api.watches.freeze();
    api.store.put("ai", "openai-secret", { Authorization: `${KEY}-new` });
    expect((await handle.refresh({ rejected })).secret.reveal()).toBe(`${KEY}-new`);
  });

  test("leaves no connection behind when it fails, or when the handle is disposed of", async () => {
    const api = await cluster();
    api.store.put("ai", "openai-secret", { Authorization: KEY });
    const watched = api.next("watch");
    const handle = await openSecret(kubernetesSource, {
      name: "openai-secret",
      namespace: "ai",
      kubeconfig: kubeconfig({ server: api.url }),
    });
    await watched;
    const closed = api.connectionsClosed();
    await handle[Symbol.asyncDispose]();
    await closed;
    await failure(api, { name: "none" });
    await api.connectionsClosed();
    await expect(handle.refresh()).rejects.toMatchObject({ code: "SECRET_UNAVAILABLE" });
    expect(handle.current().secret.reveal()).toBe(KEY);
  });
});
