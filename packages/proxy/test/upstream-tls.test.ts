/** TLS to the provider, with either client upon the connections. */
import { once } from "node:events";
import { createServer, type TLSSocket, type TlsOptions } from "node:tls";
import { connectionPools, originOf, type UpstreamTls } from "@keybearer/proxy";
import { createAuthority, hasOpenssl } from "@keybearer/simulator/authority";
import { request, type Dispatcher } from "undici";
import { describe, expect, onTestFinished, test } from "vitest";
import { host } from "./definitions.ts";
import { turns } from "./held-upstream.ts";

const secure: UpstreamTls = { insecure: false, insecureHost: false };

/** Answers each request with whether its connection took up a session, and its name. */
async function startTls(options: TlsOptions) {
  const sockets: TLSSocket[] = [];
  const server = createServer({ ALPNProtocols: ["http/1.1"], ...options }, (socket) => {
    sockets.push(socket);
    socket
      .on("error", () => undefined)
      .on("data", () => {
        const body = `${socket.isSessionReused()} ${String(socket.servername)} ${String(socket.alpnProtocol)}`;
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
      });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return { port: address.port, sockets };
}

describe.runIf(hasOpenssl).each(["node", "wire"] as const)("TLS to the provider, engine %s:", (engine) => {
  const authority = hasOpenssl ? createAuthority() : undefined;
  const pair = authority?.sign("it.test", "127.0.0.1");

  function start(port: number, tls: UpstreamTls, name = "127.0.0.1") {
    const origin = originOf(host({ host: `${name}:${port}`, tls }), undefined);
    const lookup = (
      _name: string,
      _options: unknown,
      done: (...found: [null, { address: string; family: number }[]]) => void,
    ) => done(null, [{ address: "127.0.0.1", family: 4 }]);
    const dispatcher = connectionPools({ engine, lookup })(origin, tls) as Dispatcher;
    onTestFinished(() => dispatcher.destroy());
    return async (body?: Buffer): Promise<string> => {
      const method = body ? ("POST" as const) : ("GET" as const);
      return (await request(origin.url, { dispatcher, method, body: body ?? null })).body.text();
    };
  }

  test.each(["TLSv1.2", "TLSv1.3"] as const)(
    "a connection is kept, and a new one takes up the session: %s",
    async (version) => {
      const { port, sockets } = await startTls({ ...pair, minVersion: version, maxVersion: version });
      const get = start(port, { ...secure, root: authority?.ca }, "it.test");
      for (let count = 0; count < 5; count++) {
        expect(await get()).toBe("false it.test http/1.1");
        await turns();
      }
      expect(sockets).toHaveLength(1);
      sockets[0]?.destroy();
      await once(sockets[0] as TLSSocket, "close");
      expect(await get()).toMatch(/^true .* http\/1\.1$/);
      expect(sockets).toHaveLength(2);
    },
  );

  test.each<[string, Partial<UpstreamTls>, string]>([
    ["of an authority that nobody trusts", {}, "UNABLE_TO_VERIFY_LEAF_SIGNATURE"],
    ["for another name", { root: authority?.ca ?? "", hostname: "other.test" }, "ERR_TLS_CERT_ALTNAME_INVALID"],
  ])("a certificate %s is refused", async (_name, tls, code) => {
    const { port } = await startTls({ ...pair });
    await expect(start(port, { ...secure, ...tls })()).rejects.toMatchObject({ code });
  });

  test.each<[string, Partial<UpstreamTls>, string, string]>([
    ["any certificate", { insecure: true }, "it.test", "it.test"],
    ["one for another name", { root: authority?.ca ?? "", insecureHost: true }, "other.test", "other.test"],
    ["that of a name given for it", { root: authority?.ca ?? "", hostname: "it.test" }, "elsewhere.test", "it.test"],
    ["that of an address", { root: authority?.ca ?? "" }, "127.0.0.1", "false"],
  ])("%s is taken where the config says so", async (_name, tls, name, servername) => {
    const { port } = await startTls({ ...pair });
    expect(await start(port, { ...secure, ...tls }, name)()).toBe(`false ${servername} http/1.1`);
  });

  test("large bodies go through", async () => {
    const { port } = await startTls({ ...pair });
    expect(await start(port, { ...secure, insecure: true })(Buffer.alloc(2_000_000))).toMatch(/^false /);
  });
});
