/** Opens connections as undici does: TCP, with TLS where the origin has it, to whichever of its addresses answers first. */
import { isIP, Socket } from "node:net";
import { bareHost, connectTls, keepAlive, type Dial, type DialOptions } from "./dial.ts";
import { loadUndici } from "./load-undici.ts";

export function createUndiciDial({ origin, tls, limits, lookup }: DialOptions): Dial {
  const connect = loadUndici().buildConnector({
    timeout: limits.connectTimeoutMs,
    allowH2: false,
    keepAlive: false,
    lookup,
    ...(tls ? connectTls(tls) : {}),
  });
  const hostname = bareHost(origin);
  const target = {
    protocol: origin.protocol,
    hostname,
    host: origin.endpoint,
    port: String(origin.port),
    // The certificate is the origin's, whatever Host a request names.
    ...(isIP(hostname) ? {} : { servername: tls?.hostname ?? hostname }),
  };
  return (done) => {
    const opening: unknown = connect(target, (error, socket) => {
      if (socket) keepAlive(socket, limits);
      done(error, socket);
    });
    return () => void (opening instanceof Socket && opening.destroy());
  };
}
