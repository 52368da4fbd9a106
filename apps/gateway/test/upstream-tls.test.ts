import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { startSimulator, type Simulator } from "@keybearer/simulator";
import { createAuthority, hasOpenssl, type Authority } from "@keybearer/simulator/authority";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ask } from "./configs.ts";
import { gatewayInProcess, placeAndCode, refusals } from "./in-process.ts";
import { directoryOf, startKeybearer } from "./keybearer.ts";
import { replaceFile } from "./reloading.ts";

let provider: Simulator;
beforeAll(async () => {
  provider = await startSimulator({ keys: ["sk-a"] });
});
afterAll(() => provider.close());

const config = (host: string, tls: string): string => `
binds:
- port: 0
  listeners:
  - routes:
    - backends:
      - ai: { name: openai, hostOverride: "${host}", provider: { openAI: {} } }
      policies: { backendAuth: { key: "sk-a" }, backendTLS: ${tls} }
`;

describe.skipIf(!hasOpenssl)("a provider behind TLS (skipped without openssl)", () => {
  test("whose certificate another authority signed: believed with backendTLS.root, which stands beside the config", async () => {
    const { directory, host } = await tlsProvider();
    const gateway = await gatewayInProcess({ config: config(host, "{ root: ca.pem }"), directory });
    const answer = await ask(gateway.urls.binds[0]!);
    expect(answer.status).toBe(200);
    expect(provider.requests.at(-1)!.key).toBe("sk-a");
  });

  test("is not believed without: 503, and the key stays here", async () => {
    const { directory, host } = await tlsProvider();
    const gateway = await gatewayInProcess({ config: config(host, "{}"), directory });
    provider.clear();
    const answer = await ask(gateway.urls.binds[0]!);
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error: { code: "upstream_unreachable" } });
    expect(provider.requests).toEqual([]);
  });

  test("under another name: refused, unless hostname says which, or insecureHost that none matters", async () => {
    const { directory, host } = await tlsProvider({ name: "llm.example.com" });
    const status = async (tls: string): Promise<number> => {
      const gateway = await gatewayInProcess({ config: config(host, tls), directory });
      return (await ask(gateway.urls.binds[0]!)).status;
    };
    expect(await status("{ root: ca.pem }")).toBe(503);
    expect(await status("{ root: ca.pem, hostname: llm.example.com }")).toBe(200);
    expect(await status("{ root: ca.pem, insecureHost: true }")).toBe(200);
    expect(await status("{ insecure: true }")).toBe(200);
  });

  test("is shown our certificate, where it asks for one", async () => {
    const { directory, host, connections } = await tlsProvider({ asksForClients: true });
    const status = async (tls: string): Promise<number> => {
      const gateway = await gatewayInProcess({ config: config(host, tls), directory });
      return (await ask(gateway.urls.binds[0]!)).status;
    };
    expect(await status("{ root: ca.pem, cert: client.pem, key: client.key }")).toBe(200);
    expect(connections).toEqual([{ resumed: false, client: "CN=our client" }]);
    expect(await status("{ root: ca.pem }")).toBeGreaterThanOrEqual(502);
  });

  test("is not shaken hands with in full for each connection: sessions are resumed", async () => {
    const { directory, host, connections } = await tlsProvider({ closes: true });
    const gateway = await gatewayInProcess({ config: config(host, "{ root: ca.pem }"), directory });
    for (let turn = 0; turn < 3; turn++) expect((await ask(gateway.urls.binds[0]!)).status).toBe(200);
    expect(connections.map(({ resumed }) => resumed)).toEqual([false, true, true]);
  });

  test("is shown our new certificate, and believed with a new root, once the files hold them", async () => {
    const { directory, host, authority, connections } = await tlsProvider({ asksForClients: true });
    const tls = "{ root: ca.pem, cert: client.pem, key: client.key }";
    const keybearer = await startKeybearer({ config: config(host, tls), directory });
    expect((await ask(keybearer.url)).status).toBe(200);
    const next = authority.sign("our next client");
    writeFileSync(join(directory, "client.pem"), next.cert);
    await keybearer.said("stderr", /client\.pem.*the last good ones stay/);
    writeFileSync(join(directory, "client.key"), next.key);
    await keybearer.said("stderr", /the config was reloaded.*certificates of a backend have changed/);
    expect((await ask(keybearer.url)).status).toBe(200);
    expect(connections.map(({ client }) => client)).toEqual(["CN=our client", "CN=our next client"]);
    replaceFile(directory, "ca.pem", createAuthority("another").ca);
    await keybearer.said("stderr", /(?:the config was reloaded[^]*){2}/);
    expect((await ask(keybearer.url)).status).toBe(503);
  });

  test.each(["alpn: [h2]", "subjectAltNames: [a]"])(
    "is asked for no more than we can: { %s } is refused by name",
    async (field) => {
      const errors = await refusals({ config: config("127.0.0.1:9", `{ ${field} }`) });
      expect(errors.map(({ code }) => code)).toEqual(["CONFIG_NOT_SUPPORTED"]);
    },
  );

  test("a file that holds no certificate, or a certificate without its key, is an error at load", async () => {
    const { directory } = await tlsProvider();
    const [garbage] = await refusals({ config: config("127.0.0.1:9", "{ cert: ca.pem, key: readme.txt }"), directory });
    expect(placeAndCode(garbage!)).toBe("8:82 TLS_FILE_INVALID");
    const [lone] = await refusals({ config: config("127.0.0.1:9", "{ cert: ca.pem }"), directory });
    expect(lone!.format()).toContain("key");
  });
});

test("every file that is missing is an error at its place, whatever else is wrong", async () => {
  const directory = directoryOf({ "bad.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" });
  const first = config("127.0.0.1:9", "{ root: a.pem, cert: b.pem, key: c.pem }");
  const second = config("127.0.0.1:9", "{ root: bad.pem }");
  const both = first + second.slice(second.indexOf("- port"));
  const errors = await refusals({ config: both, directory });
  expect(errors.map(placeAndCode)).toEqual([
    "8:69 TLS_FILE_UNREADABLE",
    "8:82 TLS_FILE_UNREADABLE",
    "8:94 TLS_FILE_UNREADABLE",
    "14:69 TLS_FILE_INVALID",
  ]);
  expect(errors[0]!.format()).toContain(`${join(directory, "a.pem")} or ${join(process.cwd(), "a.pem")}`);
});

interface TlsProvider {
  /** Holds ca.pem, and what it signed for a client, client.pem and client.key. */
  readonly directory: string;
  readonly host: string;
  readonly authority: Authority;
  /** Of each connection, in order. */
  readonly connections: { readonly resumed: boolean; readonly client: string | undefined }[];
}

interface ProviderOptions {
  readonly name?: string;
  /** Clients must show a certificate. */
  readonly asksForClients?: boolean;
  /** Each answer ends its connection. */
  readonly closes?: boolean;
}

/** The simulator behind TLS, with a certificate for this name alone. */
async function tlsProvider({ name = "127.0.0.1", asksForClients = false, closes = false }: ProviderOptions = {}) {
  const authority = createAuthority();
  const client = authority.sign("our client");
  const directory = directoryOf({
    "readme.txt": "no key at all\n",
    "ca.pem": authority.ca,
    "client.pem": client.cert,
    "client.key": client.key,
  });
  const connections: { resumed: boolean; client: string | undefined }[] = [];
  const tls = { ...authority.sign(name), ca: authority.ca, requestCert: asksForClients };
  const server = createTlsServer(tls, (request, response) => {
    const { method = "GET", url = "/", headers } = request;
    const onward = httpRequest(provider.origin + url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, { ...answer.headers, ...(closes ? { connection: "close" } : {}) });
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  server.on("secureConnection", (socket) => {
    connections.push({ resumed: socket.isSessionReused(), client: socket.getPeerX509Certificate()?.subject });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { directory, host, authority, connections } satisfies TlsProvider;
}
