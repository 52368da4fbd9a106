/** `config.backend`: how many connections to backends there are, and for how long. */
import type * as v from "valibot";
import type { UpstreamSettings } from "../config.ts";
import { buildKeepAlive, keepalives } from "./frontend.ts";
import { fields, may } from "./notes.ts";
import { sizeBetween, timeout, wholeNumber } from "./values.ts";

const connections = wholeNumber(1, 65_535);

export const upstreamSettings = fields({
  connectTimeout: may(timeout, "Until a connection stands, with its TLS; 10s by default."),
  poolIdleTimeout: may(timeout, "How long a connection is kept that nothing uses; 90s by default."),
  poolMaxSize: may(wholeNumber(0, 65_535), "Connections to one backend that are kept while nothing uses them."),
  keepalives: may(keepalives, "TCP keep-alive."),
  maxConnections: may(connections, "Connections of one thread to one backend; 1024 by default."),
  queueSize: may(wholeNumber(0, 1_000_000), "Requests that may wait for one of them; 1024 by default."),
  queueTimeout: may(timeout, "How long a request may wait for a connection; 5s by default."),
  headerTimeout: may(timeout, "Until an answer begins; 10m by default."),
  bodyTimeout: may(timeout, "How long an answer that has begun may be silent; 5m by default."),
  maxHeaderSize: may(sizeBetween(1024, 2 ** 20), "Status line and headers of an answer; 32KiB by default."),
  resolveInterval: may(timeout, "How often it is looked where a name leads; 30s by default."),
});

export function buildUpstreamSettings(given: v.InferOutput<typeof upstreamSettings> | undefined): UpstreamSettings {
  return {
    connectTimeoutMs: given?.connectTimeout ?? 10_000,
    poolIdleTimeoutMs: given?.poolIdleTimeout ?? 90_000,
    poolMaxSize: given?.poolMaxSize,
    keepAlive: buildKeepAlive(given?.keepalives),
    maxConnections: given?.maxConnections ?? 1024,
    queueSize: given?.queueSize ?? 1024,
    queueTimeoutMs: given?.queueTimeout ?? 5_000,
    headerTimeoutMs: given?.headerTimeout ?? 600_000,
    bodyTimeoutMs: given?.bodyTimeout ?? 300_000,
    maxHeaderBytes: given?.maxHeaderSize ?? 32 * 1024,
    resolveIntervalMs: given?.resolveInterval ?? 30_000,
  };
}
