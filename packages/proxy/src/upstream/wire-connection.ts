/** Connections with the client of `wire` upon them. */
import { ClientConnection, createClientDial } from "@keybearer/wire";
import { bareHost, connectTls, keepAlive, type Dial, type DialOptions } from "./dial.ts";
import type { Attach, ClientLimits } from "./pooled-connection.ts";

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

/** Of an answer. */
const HEADERS = 1000;

export function wireAttach(origin: string, { headBytes, ...timeouts }: ClientLimits): Attach {
  const headLimits = { headBytes, headers: HEADERS };
  return (socket, owner) => new ClientConnection(socket, { origin, ...timeouts, headLimits, owner });
}
