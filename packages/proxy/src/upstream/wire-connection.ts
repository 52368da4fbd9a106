/** Connections with the client of `wire` upon them. */
import { ClientConnection, createClientDial } from "@keybearer/wire";
import { bareHost, connectTls, keepAlive, type Dial, type DialOptions } from "./dial.ts";
import type { Attach, ClientTimeouts } from "./pooled-connection.ts";

export function createWireDial({ origin, tls, limits, lookup }: DialOptions): Dial {
  const dial = createClientDial({
    host: bareHost(origin),
    port: origin.port,
    connectTimeoutMs: limits.connectTimeoutMs,
    lookup,
    ...(origin.protocol === "https:" ? { tls: tls ? connectTls(tls) : {} } : {}),
  });
  return (done) =>
    dial((error, socket) => {
      if (socket) keepAlive(socket, limits);
      done(error, socket);
    });
}

export function wireAttach(origin: string, timeouts: ClientTimeouts): Attach {
  return (socket, owner) => new ClientConnection(socket, { origin, ...timeouts, owner });
}
