/** `config.backend`, as the data plane knows it. */
import type { UpstreamSettings } from "@keybearer/config";
import type { UpstreamLimits } from "@keybearer/proxy";

export function upstreamLimits(settings: UpstreamSettings): Partial<UpstreamLimits> {
  const { poolIdleTimeoutMs, poolMaxSize, keepAlive, maxHeaderBytes, ...same } = settings;
  return {
    ...same,
    idleTimeoutMs: poolIdleTimeoutMs,
    headBytes: maxHeaderBytes,
    ...(poolMaxSize === undefined ? {} : { maxIdleConnections: poolMaxSize }),
    ...(keepAlive === undefined ? {} : { keepAlive }),
  };
}
