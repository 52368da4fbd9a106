import { writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { inspect } from "node:util";
import { openSecret, SecretError, type Notice, type OpenSecretOptions } from "@keybearer/secrets";
import { createAuthority, hasOpenssl, type Authority, type Pair } from "@keybearer/simulator/authority";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createKubernetesSource, kubernetesSource } from "../src/index.ts";
import type { ApiServer } from "./api-server.ts";
import { cluster, directoryOf, kubeconfig, kubeconfigText } from "./cluster.ts";

const KEY = "sk-test-8fJ2kLq0ZxW7vB3n";
const TOKEN = "token-of-the-test";
const ref = { name: "openai-secret", namespace: "ai" };

async function keyOf(ref: unknown, options: OpenSecretOptions, source = kubernetesSource): Promise<string> {
  const handle = await openSecret(source, ref, options);
  onTestFinished(() => handle[Symbol.asyncDispose]());
  return handle.current().secret.reveal();
}

async function failure(ref: unknown, options: OpenSecretOptions, source = kubernetesSource): Promise<SecretError> {
  const error = await keyOf(ref, options, source).catch((thrown: unknown) => thrown);
  if (SecretError.is(error)) return error;
  throw new Error("expected a SecretError");
}

async function filled(options?: Parameters<typeof cluster>[0]): Promise<ApiServer> {
  const api = await cluster(options);
  api.store.put("ai", "openai-secret", { Authorization: KEY });
  return api;
}

describe("which kubeconfig there is:", () => {
  test("the one that the reference names, beside the config or below the home directory, before all else", async () => {
    const { url } = await filled();
    const directory = directoryOf({ kube: kubeconfigText({ server: url }) });
    const env = { HOME: directory, KUBECONFIG: "/nowhere", KUBERNETES_SERVICE_HOST: "127.0.0.1" };
    const baseDirectories = ["/nowhere", directory];
    expect(await keyOf({ ...ref, kubeconfig: "kube" }, { env, baseDirectories })).toBe(KEY);
    expect(await keyOf({ ...ref, kubeconfig: "~/kube" }, { env })).toBe(KEY);
    const missing = await failure({ ...ref, kubeconfig: "none" }, { env, baseDirectories });
    expect(missing).toMatchObject({ code: "SECRET_NOT_FOUND", source: "kubernetes" });
    expect(missing.found).toBe(`nothing at /nowhere/none or ${join(directory, "none")}`);
  });

  test("KUBECONFIG is a list whose files complete each other; what comes first wins", async () => {
    const { url } = await filled();
    const other = kubeconfigText({ server: "https://127.0.0.1:1", name: "other" });
    const users = JSON.stringify({ users: [{ name: "main", user: { token: TOKEN } }], "current-context": "main" });
    const rest = kubeconfigText({ server: url });
    const directory = directoryOf({ users, rest, other });
    const list = (...names: string[]) => names.map((name) => join(directory, name)).join(delimiter);
    expect(await keyOf(ref, { env: { KUBECONFIG: list("none", "users", "rest", "other") } })).toBe(KEY);
    // Another context is only there when it is named, or comes first.
    const env = { KUBECONFIG: list("other", "rest") };
    expect((await failure(ref, { env })).code).toBe("SECRET_UNAVAILABLE");
    expect(await keyOf({ ...ref, context: "main" }, { env })).toBe(KEY);
  });

  test("neither that, nor ~/.kube/config, nor a cluster around us: told with the ways out", async () => {
    const error = await failure(ref, { env: { HOME: "/nowhere" } });
    expect(error).toMatchObject({ code: "SECRET_NOT_FOUND", found: "nothing at /nowhere/.kube/config" });
    expect(error.fix).toContain("KUBECONFIG");
    expect(await failure(ref, {})).toMatchObject({ code: "SECRET_NOT_FOUND", found: undefined });
  });
});

describe("a kubeconfig", () => {
  test("gives the namespace where the reference has none, and without either it is asked for", async () => {
    const { url } = await filled();
    const name = { name: "openai-secret" };
    const own = kubeconfig({ server: url, namespace: "ai" });
    expect(await keyOf({ ...name, kubeconfig: own }, {})).toBe(KEY);
    const none = kubeconfig({ server: url });
    expect(await failure({ ...name, kubeconfig: none }, {})).toMatchObject({ code: "SECRET_MALFORMED" });
  });

  test("gives a token, or a file of one beside it, which wins as it does for kubectl", async () => {
    const api = await filled({ tokens: new Set([TOKEN]) });
    const server = api.url;
    const text = kubeconfig({ server, user: { token: TOKEN } });
    expect(await keyOf({ ...ref, kubeconfig: text }, {})).toBe(KEY);
    const file = kubeconfig({ server, user: { token: "old", tokenFile: "token" } }, { token: `${TOKEN}\n` });
    expect(await keyOf({ ...ref, kubeconfig: file }, {})).toBe(KEY);
    const wrong = kubeconfig({ server, user: { token: "wrong" } });
    expect(await failure({ ...ref, kubeconfig: wrong }, {})).toMatchObject({ code: "SECRET_DENIED" });
    expect(await failure({ ...ref, kubeconfig: kubeconfig({ server }) }, {})).toMatchObject({ code: "SECRET_DENIED" });
  });

  test("may have its API below a path", async () => {
    const api = await filled();
    const server = `${api.url}/k8s/clusters/c-1/`;
    await failure({ ...ref, kubeconfig: kubeconfig({ server }) }, {});
    expect(api.requests[0]?.path).toBe("/k8s/clusters/c-1/api/v1/namespaces/ai/secrets/openai-secret");
  });

  test.each([
    ["exec", { exec: { command: "aws" } }],
    ["auth-provider", { "auth-provider": { name: "gcp" } }],
    ["password", { password: KEY }],
    ["as", { token: TOKEN, as: "admin" }],
  ])("with %s is refused by that name, and not followed halfway", async (field, user) => {
    const api = await filled();
    const error = await failure({ ...ref, kubeconfig: kubeconfig({ server: api.url, user }) }, {});
    expect(error).toMatchObject({ code: "SECRET_MALFORMED", fix: expect.stringContaining("kubectl create token") });
    expect(error.message).toBe(`the kubeconfig's user "main" has ${field}, which is not supported`);
    expect(inspect(error, { depth: 9 })).not.toContain(KEY);
    expect(api.requests).toEqual([]);
  });

  test.each([
    ["a proxy", { server: "https://127.0.0.1:1", cluster: { "proxy-url": "http://proxy" } }, /proxy-url/],
    ["http:// to another machine", { server: "http://10.0.0.1" }, /no https:\/\/ address/],
    ["no address", { server: "kubernetes" }, /no https:\/\/ address/],
  ])("with %s is refused", async (_what, parts, message) => {
    const error = await failure({ ...ref, kubeconfig: kubeconfig(parts) }, {});
    expect(error).toMatchObject({ code: "SECRET_MALFORMED", message: expect.stringMatching(message) });
  });

  test("that names a context, cluster or user that it has not, or is none, is told by name and line", async () => {
    const config = kubeconfig({ server: "https://127.0.0.1:1" });
    const of = (text: string) => join(directoryOf({ config: text }), "config");
    expect((await failure({ ...ref, kubeconfig: config, context: "prod" }, {})).message).toBe(
      'the kubeconfig has no context "prod"',
    );
    const contexts = '{"current-context": "a", "contexts": [{"name": "a", "context": {"cluster": "b", "user": "c"}}]}';
    expect((await failure({ ...ref, kubeconfig: of(contexts) }, {})).message).toContain('no cluster "b"');
    expect((await failure({ ...ref, kubeconfig: of("{}") }, {})).message).toContain("current-context");
    const broken = of(`users:\n- token: "${KEY}\n  x`);
    const error = await failure({ ...ref, kubeconfig: broken }, {});
    expect(error).toMatchObject({ code: "SECRET_MALFORMED", message: "the kubeconfig is no YAML" });
    expect(error.found).toMatch(/config:\d+$/);
    const shaped = await failure({ ...ref, kubeconfig: of(`users: ${KEY}`) }, {});
    expect(shaped.message).toBe("the kubeconfig is not as kubectl has it: users");
    for (const each of [error, shaped]) expect(inspect(each, { depth: 9, showHidden: true })).not.toContain(KEY);
  });
});

describe.skipIf(!hasOpenssl)("behind TLS (skipped without openssl)", () => {
  let authority: Authority;
  let pair: Pair;
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  beforeAll(() => {
    authority = createAuthority();
    pair = authority.sign("127.0.0.1");
  });

  const secure = (tokens?: ReadonlySet<string>) => {
    const tls = { ...pair, ca: authority.ca };
    return filled(tokens === undefined ? { tls } : { tls, tokens });
  };
  const trusted = () => ({ "certificate-authority-data": base64(authority.ca) });

  test("the authority may stand in the kubeconfig or beside it; without, the server is not believed", async () => {
    const { url } = await secure();
    const inside = kubeconfig({ server: url, cluster: trusted() });
    expect(await keyOf({ ...ref, kubeconfig: inside }, {})).toBe(KEY);
    const beside = kubeconfig(
      { server: url, cluster: { "certificate-authority": "ca.pem" } },
      { "ca.pem": authority.ca },
    );
    expect(await keyOf({ ...ref, kubeconfig: beside }, {})).toBe(KEY);
    const error = await failure({ ...ref, kubeconfig: kubeconfig({ server: url }) }, {});
    expect(error).toMatchObject({ code: "SECRET_UNAVAILABLE", message: expect.stringContaining("is not trusted") });
    expect(error.fix).toContain("certificate-authority");
  });

  test("insecure-skip-tls-verify is obeyed, and warned about", async () => {
    const { url } = await secure();
    const notices: Notice[] = [];
    const warn = (notice: Notice) => notices.push(notice);
    const path = kubeconfig({ server: url, cluster: { "insecure-skip-tls-verify": true } });
    expect(await keyOf({ ...ref, kubeconfig: path }, { warn })).toBe(KEY);
    expect(notices).toMatchObject([{ code: "SECRET_KUBERNETES_UNVERIFIED" }]);
  });

  test("the certificate's name counts: tls-server-name says which", async () => {
    const api = await filled({ tls: { ...authority.sign("kubernetes.example"), ca: authority.ca } });
    const error = await failure({ ...ref, kubeconfig: kubeconfig({ server: api.url, cluster: trusted() }) }, {});
    expect(error.message).toContain("ERR_TLS_CERT_ALTNAME_INVALID");
    const cluster = { ...trusted(), "tls-server-name": "kubernetes.example" };
    expect(await keyOf({ ...ref, kubeconfig: kubeconfig({ server: api.url, cluster }) }, {})).toBe(KEY);
  });

  test("a client certificate says who we are, as data or as files", async () => {
    const api = await secure(new Set());
    const { cert, key } = authority.sign("keybearer");
    const data = { "client-certificate-data": base64(cert), "client-key-data": base64(key) };
    const files = { "client-certificate": "client.pem", "client-key": "client.key" };
    const server = api.url;
    expect(await keyOf({ ...ref, kubeconfig: kubeconfig({ server, cluster: trusted(), user: data }) }, {})).toBe(KEY);
    const beside = kubeconfig({ server, cluster: trusted(), user: files }, { "client.pem": cert, "client.key": key });
    expect(await keyOf({ ...ref, kubeconfig: beside }, {})).toBe(KEY);
    expect(new Set(api.requests.map(({ commonName }) => commonName))).toEqual(new Set(["keybearer"]));
    expect(await failure({ ...ref, kubeconfig: kubeconfig({ server, cluster: trusted() }) }, {})).toMatchObject({
      code: "SECRET_DENIED",
    });
  });

  describe("in a pod", () => {
    async function pod(api: ApiServer, files: Readonly<Record<string, string>>) {
      const serviceAccountDirectory = directoryOf(files);
      const { hostname, port } = new URL(api.url);
      return {
        serviceAccountDirectory,
        source: createKubernetesSource({ serviceAccountDirectory, random: () => 0 }),
        env: { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port, HOME: "/nowhere" },
      };
    }

    test("address, token, authority and namespace are the service account's", async () => {
      const api = await secure(new Set([TOKEN]));
      const files = { token: `${TOKEN}\n`, "ca.crt": authority.ca, namespace: "ai" };
      const { source, env } = await pod(api, files);
      expect(await keyOf({ name: "openai-secret" }, { env }, source)).toBe(KEY);
    });

    test("the token and the authority rotate", async () => {
      const tokens = new Set([TOKEN]);
      const api = await secure(tokens);
      const { source, env, serviceAccountDirectory } = await pod(api, { token: TOKEN, "ca.crt": authority.ca });
      const handle = await openSecret(source, ref, { env });
      onTestFinished(() => handle[Symbol.asyncDispose]());
      tokens.clear();
      tokens.add("token-2");
      writeFileSync(join(serviceAccountDirectory, "token"), "token-2");
      api.store.put("ai", "openai-secret", { Authorization: "sk-2" });
      expect((await handle.refresh()).secret.reveal()).toBe("sk-2");
      // An authority that has not signed the server's certificate: what is connected already is not asked any more.
      writeFileSync(join(serviceAccountDirectory, "ca.crt"), createAuthority().ca);
      await expect(handle.refresh()).rejects.toMatchObject({ message: expect.stringContaining("is not trusted") });
      writeFileSync(join(serviceAccountDirectory, "ca.crt"), authority.ca);
      expect((await handle.refresh()).secret.reveal()).toBe("sk-2");
    });

    test("without the mount the error says which field of the pod to set", async () => {
      const { source, env, serviceAccountDirectory } = await pod(await secure(), {});
      const error = await failure(ref, { env }, source);
      expect(error).toMatchObject({ code: "SECRET_UNAVAILABLE", fix: expect.stringContaining("automount") });
      expect(error.found).toContain(serviceAccountDirectory);
    });

    test("a kubeconfig or context that is named goes before it", async () => {
      const api = await filled();
      const { source, env } = await pod(api, {});
      const path = kubeconfig({ server: api.url });
      expect(await keyOf({ ...ref, kubeconfig: path }, { env }, source)).toBe(KEY);
      expect(await keyOf({ ...ref, context: "main" }, { env: { ...env, KUBECONFIG: path } }, source)).toBe(KEY);
    });
  });
});
