/** A pool of connections of which the first is refused, as by a provider that is just being started. */
import type { DispatcherFactory } from "@keybearer/proxy";
import { buildConnector, Pool } from "undici";

/** Where nobody listens. */
const CLOSED_PORT = "1";

export const refusingOnce: DispatcherFactory = ({ url }) => {
  const connect = buildConnector({});
  let asked = 0;
  return new Pool(url, {
    pipelining: 1,
    connect: (options, done) => connect(asked++ === 0 ? { ...options, port: CLOSED_PORT } : options, done),
  });
};
