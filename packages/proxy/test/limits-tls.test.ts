import { once } from "node:events";
import { connect as connectTcp, createServer, type AddressInfo } from "node:net";
import { connect, type TLSSocket } from "node:tls";
import {
  compileSnapshot,
  createProxy,
  createUpstreams,
  type FrontendDefinition,
  type Observer,
} from "@keybearer/proxy";
import { createAuthority, hasOpenssl } from "@keybearer/simulator/authority";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { answering, host, match, route } from "./definitions.ts";
import { engineUnderTest } from "./engine-under-test.ts";
import { requestBytes } from "./raw-client.ts";

async function start(frontend: FrontendDefinition) {
  const limits: string[] = [];
  let [open, failures] = [0, 0];
  const nothing = (): void => undefined;
  const observer: Observer = {
    finished: nothing,
    debug: nothing,
    debugEnabled: false,
    fault: nothing,
    connectionOpened: () => void open++,
    connectionClosed: () => void open--,
    handshakeFailed: () => void failures++,
    limited: (limit) => void limits.push(limit),
  };
  const silent = createServer(() => undefined).listen(0, "127.0.0.1");
  await once(silent, "listening");
  onTestFinished(() => void silent.close());
  const routes = [
    answering("served", { matches: [match({ path: { exact: "/direct" } })] }),
    route({ backends: [host({ host: `127.0.0.1:${(silent.address() as AddressInfo).port}` })] }),
  ];
  const listeners = [{ name: "tls", tls: { id: "tls", clientCertificates: false }, routes }];
  const bind = { name: "bind/0", port: 0, address: "127.0.0.1", listeners };
  const upstreams = createUpstreams();
  const pair = createAuthority().sign("a.test");
  const tls = { material: () => pair, ticketKey: () => Buffer.alloc(32, 1) };
  const snapshot = compileSnapshot(
    { binds: [bind], frontend },
    { providers: [], credential: () => undefined, upstreams, tls },
  );
  const proxy = createProxy({ observer, snapshot, engine: engineUnderTest });
  const { port } = await proxy.listen(bind);
  onTestFinished(async () => {
    await proxy.close(0);
    await upstreams.close();
  });
  return { port, limits, open: () => open, failures: () => failures };
}

async function client(port: number): Promise<TLSSocket> {
  const socket = connect({ port, host: "127.0.0.1", servername: "a.test", rejectUnauthorized: false });
  socket.on("error", () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, "secureConnect");
  return socket;
}

async function statusOf(socket: TLSSocket, path: string): Promise<string> {
  socket.write(requestBytes({ path }));
  return String((await once(socket, "data"))[0]).slice(9, 12);
}

describe.skipIf(!hasOpenssl)("over TLS", () => {
  test("requests beyond so many are told to come again, and their connections are served when there is room", async () => {
    const { port, limits, open } = await start({ requests: 1 });
    const busy = await client(port);
    busy.write(requestBytes({ path: "/held" }));
    const shed = await client(port);
    await vi.waitFor(async () => expect(await statusOf(shed, "/direct")).toBe("503"));
    expect(await statusOf(shed, "/direct")).toBe("503");
    busy.destroy();
    await vi.waitFor(() => expect(open()).toBe(1));
    await vi.waitFor(async () => expect(await statusOf(shed, "/direct")).toBe("200"));
    expect(new Set(limits)).toEqual(new Set(["overloaded"]));
  });

  test("a handshake counts among the connections, and has its time", async () => {
    const { port, limits, failures } = await start({ connections: 1, handshakeTimeoutMs: 200 });
    const idle = connectTcp({ port, host: "127.0.0.1" });
    await once(idle, "connect");
    const other = connectTcp({ port, host: "127.0.0.1" });
    other.on("error", () => undefined);
    await vi.waitFor(() => expect(limits).toEqual(["connections"]));
    await once(idle.resume(), "close");
    expect(failures()).toBe(1);
    expect(await statusOf(await client(port), "/direct")).toBe("200");
  });
});
