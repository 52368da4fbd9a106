import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import { startSimulator } from "@keybearer/simulator";
import { createAuthority, hasOpenssl, type Authority, type Pair } from "@keybearer/simulator/authority";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { freePort } from "./free-port.ts";
import { gatewayInProcess, placeAndCode, refusals } from "./in-process.ts";
import { directoryOf, runKeybearer, startKeybearer, type Keybearer } from "./keybearer.ts";
import { nextReload, postReload, replaceFile, swapLink } from "./reloading.ts";

let authority: Authority;
let first: Pair;
let second: Pair;
let client: Pair;
beforeAll(() => {
  if (!hasOpenssl) return;
  authority = createAuthority();
  [first, second, client] = [authority.sign("localhost"), authority.sign("localhost"), authority.sign("a client")];
});

const config = (tls = "{ cert: cert.pem, key: key.pem }"): string => `
binds:
- port: 0
  address: 127.0.0.1
  listeners:
  - protocol: HTTPS
    tls: ${tls}
    routes: [{ policies: { directResponse: { status: 200, body: "served" } } }]
`;

const filesOf = ({ cert, key }: Pair): Record<string, string> => ({ "cert.pem": cert, "key.pem": key });

/** Resolves when the handshake is over, rejects when it fails. */
async function shake(url: string, more: ConnectionOptions = {}): Promise<TLSSocket> {
  const port = Number(new URL(url).port);
  const socket = connect({ port, host: "127.0.0.1", servername: "localhost", ca: authority.ca, ...more });
  onTestFinished(() => void socket.destroy());
  await once(socket, "secureConnect");
  return socket;
}

async function serialOn(url: string): Promise<string | undefined> {
  const socket = await shake(url);
  const serial = socket.getPeerX509Certificate()?.serialNumber;
  socket.destroy();
  return serial;
}

function ask(url: string, more: ConnectionOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(url, { agent: false, ca: authority.ca, ...more }, (answer) => {
      let text = "";
      answer.on("data", (chunk: Buffer) => (text += String(chunk)));
      answer.on("end", () => resolve(`${answer.statusCode} ${text}`));
    });
    call.on("error", reject).end();
  });
}

const serialIn = ({ cert }: Pair): string => new X509Certificate(cert).serialNumber;

describe.skipIf(!hasOpenssl)("HTTPS (skipped without openssl)", () => {
  test("is served with the files beside the config, and the banner says so", async () => {
    const keybearer = await startKeybearer({ config: config(), files: filesOf(first) });
    expect(keybearer.url).toMatch(/^https:\/\/localhost:\d+$/);
    expect(await ask(keybearer.url)).toBe("200 served");
    expect(await keybearer.accessLog(1)).toMatchObject([{ listener: "listener0", "http.status": 200 }]);
  });

  test("lets in whom the client CA vouches for, and says in debug why not", async () => {
    const files = { ...filesOf(first), "clients.pem": authority.ca };
    const tls = "{ cert: cert.pem, key: key.pem, root: clients.pem }";
    const env = { RUST_LOG: "debug" };
    const keybearer = await startKeybearer({ config: config(tls), files, env });
    expect(await ask(keybearer.url, client)).toBe("200 served");
    await expect(ask(keybearer.url)).rejects.toThrow();
    await keybearer.said("stderr", /a TLS handshake failed.*ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE/);
    const metrics = await (await fetch(`${keybearer.urls.stats}/metrics`)).text();
    expect(metrics).toMatch(/^keybearer_tls_handshake_failures_total\{bind="bind\/0-1"\} 1$/m);
  });

  test("keeps private keys out of the admin pages", async () => {
    const keybearer = await startKeybearer({ config: config(), files: filesOf(first) });
    const dump = await (await fetch(`${keybearer.urls.admin}/config_dump`)).text();
    expect(dump).toContain("key.pem");
    expect(dump).not.toContain(first.key.split("\n")[1]);
    expect(dump).not.toContain("BEGIN");
  });

  test("is tried with a line that names the host in the URL", async () => {
    const simulator = await startSimulator({ anonymous: true });
    onTestFinished(() => simulator.close());
    const routes = `routes: [{ backends: [{ ai: { hostOverride: "${simulator.host}", provider: { openAI: {} } } }], policies: { backendAuth: { key: sk-a } } }]`;
    const directory = directoryOf(filesOf(authority.sign("llm.test")));
    const example = async (hostname: string): Promise<string> => {
      const text = config()
        .replace(/ {4}routes:.*/, `    ${routes}`)
        .replace("protocol", `${hostname}protocol`);
      return (await gatewayInProcess({ config: text, directory })).example ?? "";
    };
    expect(await example("")).toMatch(/^curl https:\/\/localhost:\d+\/v1\/chat\/completions -H /);
    expect(await example("hostname: llm.test\n    ")).toMatch(
      /^curl --connect-to ::localhost:(\d+) https:\/\/llm\.test:\1\/v1\/chat\/completions -H /,
    );
  });
});

describe.skipIf(!hasOpenssl)("certificates that change (skipped without openssl)", () => {
  async function serving(files = filesOf(first)): Promise<Keybearer> {
    const keybearer = await startKeybearer({ config: config(), files, env: { WORKER_THREADS: "2" } });
    expect(await serialOn(keybearer.url)).toBe(serialIn(first));
    return keybearer;
  }
  /** On every thread: a connection lands on any. */
  async function onAllThreads(keybearer: Keybearer, pair: Pair): Promise<void> {
    const serial = serialIn(pair);
    await vi.waitFor(
      async () => {
        for (let turn = 0; turn < 10; turn++) expect(await serialOn(keybearer.url)).toBe(serial);
      },
      { timeout: 10_000 },
    );
  }
  const warnings = ({ stderr }: Keybearer): string[] => stderr.match(/.*the last good ones stay.*/g) ?? [];

  test("serve when both are there, and only then: until then the last good ones do, which is said once", async () => {
    const keybearer = await serving();
    const { directory } = keybearer;
    const open = await shake(keybearer.url);
    replaceFile(directory, "cert.pem", second.cert);
    await keybearer.said("stderr", /cert\.pem.*key\.pem.*the last good ones stay/);
    expect(await serialOn(keybearer.url)).toBe(serialIn(first));
    // Read again by a reload, they are no better, and no error.
    expect((await postReload(keybearer.urls.admin)).status).toBe(200);
    expect(await serialOn(keybearer.url)).toBe(serialIn(first));
    replaceFile(directory, "key.pem", second.key);
    await keybearer.said("stderr", /other certificates are used now: .*cert\.pem.*valid until \d{4}-/);
    await onAllThreads(keybearer, second);
    expect(warnings(keybearer)).toHaveLength(1);
    open.write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
    expect(String((await once(open, "data"))[0])).toMatch(/^HTTP\/1\.1 200 /);
    expect(keybearer.stderr).not.toContain("BEGIN");
    expect(keybearer.stderr).not.toMatch(/the config was reloaded/);
  });

  test("and are gone for a while, or no certificates, leave what served", async () => {
    const keybearer = await serving();
    rmSync(join(keybearer.directory, "key.pem"));
    await keybearer.said("stderr", /cannot read .*key\.pem: no such file; the last good ones stay/);
    writeFileSync(join(keybearer.directory, "cert.pem"), "no certificate\n");
    writeFileSync(join(keybearer.directory, "key.pem"), first.key);
    await vi.waitFor(() => expect(warnings(keybearer).length).toBeGreaterThan(1));
    expect(await serialOn(keybearer.url)).toBe(serialIn(first));
    replaceFile(keybearer.directory, "cert.pem", first.cert);
    replaceFile(keybearer.directory, "cert.pem", second.cert);
    replaceFile(keybearer.directory, "key.pem", second.key);
    await onAllThreads(keybearer, second);
  });

  test("under a link that is swapped, as Kubernetes does it, change at once and without a complaint", async () => {
    const directory = directoryOf();
    const publish = (name: string, pair: Pair): void => {
      mkdirSync(join(directory, name));
      for (const [file, text] of Object.entries(filesOf(pair))) writeFileSync(join(directory, name, file), text);
      swapLink(directory, "..data", name);
    };
    publish("..2026_11_24_10_00_00.1", first);
    for (const file of ["cert.pem", "key.pem"]) swapLink(directory, file, `..data/${file}`);
    const keybearer = await startKeybearer({ config: config(), directory, env: { WORKER_THREADS: "2" } });
    publish("..2026_11_24_10_05_00.2", second);
    await onAllThreads(keybearer, second);
    expect(warnings(keybearer)).toEqual([]);
  });
});

test.skipIf(!hasOpenssl || process.platform !== "linux")(
  "a session is resumed on any thread (skipped without openssl)",
  async () => {
    const keybearer = await startKeybearer({ config: config(), files: filesOf(first), env: { WORKER_THREADS: "2" } });
    for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
      const sessions: Buffer[] = [];
      const port = Number(new URL(keybearer.url).port);
      const begun = connect({ port, host: "127.0.0.1", servername: "localhost", ca: authority.ca, maxVersion });
      begun.on("session", (session: Buffer) => sessions.push(session)).resume();
      await vi.waitFor(() => expect(sessions.length).toBeGreaterThan(0));
      begun.destroy();
      // The system spreads connections over the threads: that all 20 meet the one that made the session is one in a million.
      for (let turn = 0; turn < 20; turn++) {
        const socket = await shake(keybearer.url, { maxVersion, session: sessions.at(-1) });
        expect(socket.isSessionReused()).toBe(true);
        socket.destroy();
      }
    }
  },
);

describe.skipIf(!hasOpenssl)(
  "a certificate that cannot serve is an error at its place (skipped without openssl)",
  () => {
    test.each([
      ["its key is another's", () => ({ "cert.pem": first.cert, "key.pem": second.key }), ["7:10 TLS_FILE_INVALID"]],
      ["it is none", () => ({ "cert.pem": "", "key.pem": first.key }), ["7:18 TLS_FILE_INVALID"]],
      ["its key is none", () => ({ "cert.pem": first.cert, "key.pem": "\n" }), ["7:33 TLS_FILE_INVALID"]],
      ["neither is there", () => ({}), ["7:18 TLS_FILE_UNREADABLE", "7:33 TLS_FILE_UNREADABLE"]],
    ])("when %s", async (_, files, expected) => {
      const errors = await refusals({ config: config(), directory: directoryOf(files()) });
      expect(errors.map(placeAndCode)).toEqual(expected);
      expect(errors.map((error) => error.format()).join("")).not.toContain("BEGIN");
    });

    test("when nobody could be trusted to sign for clients", async () => {
      const directory = directoryOf({ ...filesOf(first), "clients.pem": "none\n" });
      const [error] = await refusals({
        config: config("{ cert: cert.pem, key: key.pem, root: clients.pem }"),
        directory,
      });
      expect(placeAndCode(error!)).toBe("7:48 TLS_FILE_INVALID");
    });
  },
);

test.skipIf(!hasOpenssl)("a reload turns HTTP into HTTPS on the same port (skipped without openssl)", async () => {
  const port = await freePort();
  const secure = config().replace("port: 0", `port: ${port}`);
  const plain = secure.replace(/ {2}- protocol.*\n.*\n {4}routes/, "  - routes");
  const keybearer = await startKeybearer({ config: plain, files: filesOf(first) });
  expect(await (await fetch(keybearer.url)).text()).toBe("served");
  await nextReload(keybearer, () => replaceFile(keybearer.directory, "config.yaml", secure));
  expect(await ask(`https://localhost:${port}`)).toBe("200 served");
  await nextReload(keybearer, () => replaceFile(keybearer.directory, "config.yaml", plain));
  expect(await (await fetch(keybearer.url)).text()).toBe("served");
});

describe.skipIf(!hasOpenssl)("the doctor (skipped without openssl)", () => {
  async function codes(files: Record<string, string>, prepare: (directory: string) => void = () => undefined) {
    const directory = directoryOf({ ...files, "config.yaml": config() });
    prepare(directory);
    const { stdout } = await runKeybearer({ directory, args: ["doctor", "--json"] });
    const { findings } = JSON.parse(stdout) as { findings: { code: string; severity: string; place: string }[] };
    return findings.map(({ severity, code, place }) => `${severity} ${code} ${place}`);
  }

  test("warns of a certificate that soon expires, and of a private key that others may read", async () => {
    expect(await codes(filesOf(first))).toEqual(["warning CERTIFICATE_EXPIRING config.yaml:7:18"]);
    const readable = (directory: string): void => chmodSync(join(directory, "key.pem"), 0o644);
    expect(await codes(filesOf(first), readable)).toEqual([
      "warning CERTIFICATE_EXPIRING config.yaml:7:18",
      "warning TLS_KEY_READABLE config.yaml:7:33",
    ]);
  });

  test("repeats that a pair does not match", async () => {
    expect(await codes({ "cert.pem": first.cert, "key.pem": second.key })).toEqual([
      "error TLS_FILE_INVALID config.yaml:7:10",
    ]);
  });
});
