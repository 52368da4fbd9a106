/** Connections of which the first is refused, as by a provider that is just being started. */
import { connectionPools, type DispatcherFactory } from "@keybearer/proxy";
import { createClientDial } from "@keybearer/wire";
import { buildConnector, Pool } from "undici";
import { engineUnderTest } from "./engine-under-test.ts";

/** Where nobody listens. */
const CLOSED_PORT = 1;

const withUndici: DispatcherFactory = ({ url }) => {
  const connect = buildConnector({});
  let asked = 0;
  return new Pool(url, {
    pipelining: 1,
    connect: (options, done) => connect(asked++ === 0 ? { ...options, port: String(CLOSED_PORT) } : options, done),
  });
};

const withWire = connectionPools({
  engine: "wire",
  dial({ origin: { hostname: host, port }, limits: { connectTimeoutMs } }) {
    let asked = 0;
    return (done) => createClientDial({ host, port: asked++ === 0 ? CLOSED_PORT : port, connectTimeoutMs })(done);
  },
});

export const refusingOnce: DispatcherFactory = engineUnderTest === "wire" ? withWire : withUndici;
