/** What the road tells, written down: a line and figures for each request. */
import type { Observer, UpstreamObserver } from "@keybearer/proxy";
import {
  accessLogLine,
  createRequestMetrics,
  type LineBuffer,
  type Log,
  type LogFormat,
  type Registry,
} from "@keybearer/telemetry";

export interface ObserverParts {
  readonly registry: Registry;
  readonly access: LineBuffer;
  readonly log: Log;
  readonly format: LogFormat;
}

export function createObserver({ registry, access, log, format }: ObserverParts): Observer & UpstreamObserver {
  const metrics = createRequestMetrics(registry);
  return {
    finished(record) {
      access.add(accessLogLine(record, format));
      metrics.record(record);
    },
    connectionOpened: (bind) => metrics.connectionOpened(bind),
    connectionClosed: (bind) => metrics.connectionClosed(bind),
    handshakeFailed: (bind) => metrics.handshakeFailed(bind),
    limited: (limit) => metrics.limited(limit),
    upstreamConnectionOpened: (endpoint) => metrics.upstreamConnectionOpened(endpoint),
    upstreamConnectionClosed: (endpoint) => metrics.upstreamConnectionClosed(endpoint),
    upstreamUnresolved: (endpoint, error) =>
      log.warn("a provider's name cannot be resolved any more; open connections serve on", { endpoint, error }),
    get debugEnabled() {
      return log.enabled("debug");
    },
    debug: (message, facts) => log.debug(message, facts),
    fault: (error, requestId) => log.error("a fault inside the gateway", { error, "request.id": requestId }),
  };
}
