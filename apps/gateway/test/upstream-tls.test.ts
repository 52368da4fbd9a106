import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { startSimulator, type Simulator } from "@keybearer/simulator";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ask } from "./configs.ts";
import { gatewayInProcess, placeAndCode, refusals } from "./in-process.ts";
import { directoryOf } from "./keybearer.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

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
    const { directory, host } = await tlsProvider("llm.example.com");
    const status = async (tls: string): Promise<number> => {
      const gateway = await gatewayInProcess({ config: config(host, tls), directory });
      return (await ask(gateway.urls.binds[0]!)).status;
    };
    expect(await status("{ root: ca.pem }")).toBe(503);
    expect(await status("{ root: ca.pem, hostname: llm.example.com }")).toBe(200);
    expect(await status("{ root: ca.pem, insecureHost: true }")).toBe(200);
    expect(await status("{ insecure: true }")).toBe(200);
  });

  test("a file that holds no certificate, or a certificate without its key, is an error at load", async () => {
    const { directory } = await tlsProvider();
    const [garbage] = await refusals({ config: config("127.0.0.1:9", "{ cert: ca.pem, key: readme.txt }"), directory });
    expect(placeAndCode(garbage!)).toBe("8:61 TLS_FILE_INVALID");
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
  /** Holds ca.pem. */
  readonly directory: string;
  readonly host: string;
}

/** The simulator behind TLS, with a certificate for this name and 127.0.0.1's alone if it is that. */
async function tlsProvider(name = "127.0.0.1"): Promise<TlsProvider> {
  const directory = directoryOf({ "readme.txt": "no key at all\n" });
  const openssl = (...args: string[]): void => {
    const { status, stderr } = spawnSync("openssl", args, { cwd: directory, encoding: "utf8" });
    if (status !== 0) throw new Error(stderr);
  };
  const alternative = /^[\d.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`;
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl("req", "-x509", ...curve, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=a test", "-days", "2");
  openssl(
    "req",
    ...curve,
    "-keyout",
    "server.key",
    "-out",
    "server.csr",
    "-subj",
    `/CN=${name}`,
    "-addext",
    `subjectAltName=${alternative}`,
  );
  openssl(
    "x509",
    "-req",
    "-in",
    "server.csr",
    "-CA",
    "ca.pem",
    "-CAkey",
    "ca.key",
    "-out",
    "server.pem",
    "-days",
    "2",
    "-copy_extensions",
    "copy",
  );
  const [key, cert] = ["server.key", "server.pem"].map((file) => readFileSync(join(directory, file)));
  const server = createTlsServer({ key: key!, cert: cert! }, (request, response) => {
    const { method = "GET", url = "/", headers } = request;
    const onward = httpRequest(provider.origin + url, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    request.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { directory, host: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}
