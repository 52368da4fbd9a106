/** A cross-check by the official client, which is no dependency: where it is installed, the stand-in satisfies it. */
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { createAuthority, hasOpenssl } from "@keybearer/simulator/authority";
import { describe, expect, onTestFinished, test } from "vitest";
import { cluster, kubeconfigText, open, partsOf } from "./cluster.ts";

/** What is used of it. */
interface OfficialClient {
  readonly KubeConfig: new () => {
    loadFromString(text: string): void;
    makeApiClient(api: unknown): CoreApi;
  };
  readonly CoreV1Api: unknown;
  readonly Watch: new (config: unknown) => {
    watch(
      path: string,
      query: Readonly<Record<string, string>>,
      callback: (type: string, object: OfficialSecret) => void,
      done: (error: unknown) => void,
    ): Promise<AbortController>;
  };
}

interface OfficialSecret {
  readonly metadata: { readonly name: string; readonly resourceVersion: string };
  readonly data: Readonly<Record<string, string>>;
}

interface CoreApi {
  readNamespacedSecret(what: object): Promise<OfficialSecret>;
  listNamespacedSecret(what: object): Promise<{ items: OfficialSecret[]; metadata: { resourceVersion: string } }>;
  createNamespacedSecret(what: object): Promise<OfficialSecret>;
  replaceNamespacedSecret(what: object): Promise<OfficialSecret>;
  deleteNamespacedSecret(what: object): Promise<unknown>;
}

const NAME = "@kubernetes/client-node";
const official = await officialClient(process.env["KEYBEARER_KUBERNETES_CLIENT"]);
const missing = [
  ...(official ? [] : [`KEYBEARER_KUBERNETES_CLIENT is not set to the DIR of an npm install --prefix DIR ${NAME}`]),
  ...(hasOpenssl ? [] : ["the PATH has no openssl"]),
];

/** Rejects where the folder is named and the client is not there. */
async function officialClient(folder: string | undefined): Promise<OfficialClient | undefined> {
  if (folder === undefined) return undefined;
  const file = createRequire(join(folder, "package.json")).resolve(NAME);
  return (await import(pathToFileURL(file).href)) as OfficialClient;
}

async function setUp({ KubeConfig, CoreV1Api }: OfficialClient) {
  const authority = createAuthority();
  const api = await cluster({ tls: { ...authority.sign("127.0.0.1"), ca: authority.ca }, tokens: new Set(["token"]) });
  const config = new KubeConfig();
  config.loadFromString(kubeconfigText({ ...partsOf(api), user: { token: "token" } }));
  return { api, config, core: config.makeApiClient(CoreV1Api) };
}

const body = (key: string) => ({ metadata: { name: "openai-secret" }, stringData: { Authorization: key } });
const named = { name: "openai-secret", namespace: "ai" };

const title = missing.length === 0 ? "the official client" : `the official client (skipped: ${missing.join("; ")})`;

describe.skipIf(missing.length > 0)(title, () => {
  test("creates, reads, lists, replaces and deletes, and what it does is a new version here", async () => {
    const { api, core } = await setUp(official!);
    await core.createNamespacedSecret({ namespace: "ai", body: body("Bearer sk-1") });
    const begun = api.next("watch");
    const { handle, next, nextReport } = await open(api, {}, {}, { token: "token" });
    await begun;
    const { metadata, data } = await core.readNamespacedSecret(named);
    expect(Buffer.from(data["Authorization"]!, "base64").toString()).toBe("Bearer sk-1");
    const list = await core.listNamespacedSecret({ namespace: "ai", fieldSelector: "metadata.name=openai-secret" });
    expect(list.items.map((item) => item.metadata.resourceVersion)).toEqual([metadata.resourceVersion]);
    const changed = next();
    await core.replaceNamespacedSecret({ ...named, body: body("sk-2") });
    expect(await changed).toBe("sk-2");
    const told = nextReport();
    await core.deleteNamespacedSecret(named);
    expect((await told).code).toBe("SECRET_NOT_FOUND");
    expect(handle.current().secret.reveal()).toBe("sk-2");
    await expect(core.readNamespacedSecret(named)).rejects.toMatchObject({ code: 404 });
  });

  test("watches: sees the same events, bookmarks too, and 410", async () => {
    const { api, config } = await setUp(official!);
    api.watches.chunkBytes = 13;
    api.store.put("ai", "openai-secret", { Authorization: "sk-1" });
    const seen: string[] = [];
    const ended = Promise.withResolvers<unknown>();
    const watch = new official!.Watch(config);
    const query = { fieldSelector: "metadata.name=openai-secret", allowWatchBookmarks: "true" };
    const see = (type: string, object: OfficialSecret) => seen.push(`${type} ${object.metadata.resourceVersion}`);
    const begun = api.next("watch");
    const controller = await watch.watch("/api/v1/namespaces/ai/secrets", query, see, ended.resolve);
    onTestFinished(() => controller.abort());
    await begun;
    api.store.put("ai", "openai-secret", { Authorization: "sk-2" });
    api.store.put("ai", "another", { Authorization: "sk-9" });
    api.watches.bookmark();
    api.store.remove("ai", "openai-secret");
    api.watches.end();
    await ended.promise;
    expect(seen).toEqual(["ADDED 1001", "MODIFIED 1002", "BOOKMARK 1003", "DELETED 1004"]);
    api.store.forget();
    const refused = Promise.withResolvers<unknown>();
    const old = { ...query, resourceVersion: "1002" };
    await watch.watch("/api/v1/namespaces/ai/secrets", old, see, refused.resolve);
    expect(await refused.promise).toMatchObject({ statusCode: 410 });
  });
});
