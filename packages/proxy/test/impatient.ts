/** Connections that give up on an answer which is silent for some time, where the gateway's own wait for minutes. */
import { connectionPools, type DispatcherFactory } from "@keybearer/proxy";
import { Pool } from "undici";
import { engineUnderTest } from "./engine-under-test.ts";

export function impatient(bodyTimeout: number): DispatcherFactory {
  if (engineUnderTest === "node") return ({ url }) => new Pool(url, { bodyTimeout, pipelining: 1 });
  const pools = connectionPools({ engine: "wire" });
  return (origin, tls) => {
    const pool = pools(origin, tls);
    const dispatch = pool.dispatch.bind(pool);
    pool.dispatch = (request, handler) => dispatch({ ...request, bodyTimeout }, handler);
    return pool;
  };
}
