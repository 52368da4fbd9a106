/** The stand-in is no belief of ours alone: kubectl works with it, and what kubectl changes is a new version here. */
import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { createAuthority, hasOpenssl, type Authority } from "@keybearer/simulator/authority";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { cluster, directoryOf, kubeconfig, open, partsOf } from "./cluster.ts";

const run = promisify(execFile);
const hasKubectl = spawnSync("kubectl", ["version", "--client"]).status === 0;
const missing = [
  ...(hasKubectl ? [] : ["kubectl, which `apt-get install kubernetes-client` brings"]),
  ...(hasOpenssl ? [] : ["openssl"]),
];
const title = missing.length === 0 ? "kubectl" : `kubectl (skipped: the PATH has no ${missing.join(" and no ")})`;
let authority: Authority;
const TOKEN = "token-of-the-test";

/** Behind TLS: over plain HTTP kubectl sends no token. */
async function kubectlFor(tokens: ReadonlySet<string> = new Set([TOKEN])) {
  const api = await cluster({ tls: { ...authority.sign("127.0.0.1"), ca: authority.ca }, tokens });
  const env = { PATH: process.env["PATH"], HOME: directoryOf() };
  const flags = ["--kubeconfig", kubeconfig({ ...partsOf(api), user: { token: TOKEN }, namespace: "ai" })];
  return {
    api,
    kubectl: async (args: readonly string[], input?: unknown): Promise<string> => {
      const running = run("kubectl", [...flags, ...args], { env });
      running.child.stdin?.end(input === undefined ? "" : JSON.stringify(input));
      return (await running).stdout;
    },
    start: (args: readonly string[]) =>
      spawn("kubectl", [...flags, ...args], { env, stdio: ["ignore", "pipe", "pipe"] }),
  };
}

const manifest = (name: string, key: string) => ({
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name },
  stringData: { Authorization: key },
});

describe.skipIf(missing.length > 0)(title, () => {
  beforeAll(() => {
    authority = createAuthority();
  });

  test("finds out what there is, and gets, lists in pages, creates, patches and deletes", async () => {
    const { api, kubectl } = await kubectlFor();
    expect(await kubectl(["version"])).toMatch(/Server Version.*1\.32\.4/s);
    for (const name of ["one", "two", "three"]) {
      expect(await kubectl(["create", "--validate=false", "-f", "-"], manifest(name, "sk-1"))).toBe(
        `secret/${name} created\n`,
      );
    }
    const encoded = await kubectl(["get", "secret", "one", "-o", "jsonpath={.data.Authorization}"]);
    expect(Buffer.from(encoded, "base64").toString()).toBe("sk-1");
    expect(await kubectl(["get", "secrets", "--chunk-size=2", "-o", "name"])).toBe(
      "secret/one\nsecret/two\nsecret/three\n",
    );
    expect(api.requests.some(({ query }) => query.get("continue") === "2")).toBe(true);
    for (const [kind, patch] of [
      ["strategic", { stringData: { Authorization: "sk-2" } }],
      ["merge", { data: { more: "eA==" } }],
    ] as const) {
      await kubectl(["patch", "secret", "one", `--type=${kind}`, "-p", JSON.stringify(patch)]);
    }
    const one = JSON.parse(await kubectl(["get", "secret", "one", "-o", "json"])) as { data: unknown };
    expect(one.data).toEqual({ Authorization: "c2stMg==", more: "eA==" });
    expect(await kubectl(["delete", "secret", "one"])).toContain('"one" deleted');
    expect(api.store.get("ai", "one")).toBeUndefined();
  });

  test("understands each refusal: not found, no token, no permission, already there", async () => {
    const tokens = new Set([TOKEN]);
    const { api, kubectl } = await kubectlFor(tokens);
    api.store.put("ai", "one", { Authorization: "sk-1" });
    await expect(kubectl(["get", "secret", "none"])).rejects.toThrow('(NotFound): secrets "none" not found');
    await expect(kubectl(["create", "--validate=false", "-f", "-"], manifest("one", "x"))).rejects.toThrow(
      "(AlreadyExists)",
    );
    api.rules = [{ verbs: ["get", "list"], resourceNames: ["one"] }];
    await expect(kubectl(["get", "secrets"])).rejects.toThrow("(Forbidden)");
    expect(await kubectl(["get", "secrets", "--field-selector=metadata.name=one", "-o", "name"])).toBe("secret/one\n");
    tokens.clear();
    await expect(kubectl(["get", "secret", "one"])).rejects.toThrow(/Unauthorized|must be logged in/);
  });

  test("watches: each change is an event, whatever the chunks", async () => {
    const { api, start } = await kubectlFor();
    api.watches.chunkBytes = 11;
    api.store.put("ai", "one", { Authorization: "sk-1" });
    const watched = api.next("watch");
    const child = start(["get", "secret", "one", "--watch", "-o", "json", "--output-watch-events"]);
    onTestFinished(() => void child.kill());
    const events: string[] = [];
    const lines = createInterface({ input: child.stdout });
    const closed = once(lines, "close");
    lines.on("line", (line) => events.push(...(/"type": ?"(ADDED|MODIFIED|DELETED)"/.exec(line)?.slice(1) ?? [])));
    await watched;
    api.store.put("ai", "one", { Authorization: "sk-2" });
    api.watches.bookmark();
    api.store.remove("ai", "one");
    api.watches.end();
    await closed;
    expect(events).toEqual(["ADDED", "MODIFIED", "DELETED"]);
  });

  test("rotates a key: what it patches is a new version, what it deletes is told", async () => {
    const { api, kubectl } = await kubectlFor();
    await kubectl(["create", "--validate=false", "-f", "-"], manifest("openai-secret", "Bearer sk-1"));
    const begun = api.next("watch");
    const { handle, next, nextReport } = await open(api, {}, {}, { token: TOKEN });
    await begun;
    expect(handle.current().secret.reveal()).toBe("sk-1");
    const changed = next();
    await kubectl(["patch", "secret", "openai-secret", "-p", '{"stringData":{"Authorization":"Bearer sk-2"}}']);
    expect(await changed).toBe("sk-2");
    const told = nextReport();
    await kubectl(["delete", "secret", "openai-secret", "--wait=false"]);
    expect((await told).code).toBe("SECRET_NOT_FOUND");
    expect(handle.current().secret.reveal()).toBe("sk-2");
  });
});
