/** `frontendPolicies:`, what clients may ask for: how much, how many, for how long. */
import * as v from "valibot";
import type { FrontendPolicies } from "../config.ts";
import { parseDuration } from "../duration.ts";
import type { Path } from "../errors.ts";
import { fields, may } from "./notes.ts";
import { frontendHttpNotYet, frontendNotYet, frontendTlsNotYet } from "./unsupported.ts";
import { readText, sizeBetween, wholeNumber } from "./values.ts";

/** Milliseconds, at least one: there is a default, so leaving it out is no way to have no limit. */
const period = readText(
  (text) => parseDuration(text) || undefined,
  "a duration of more than 0 and at most 24 days",
  "write it like 500ms, 10s, 5m or 1h30m",
);

const count = wholeNumber(1, 1_000_000);

const http = fields(
  {
    maxBufferSize: may(sizeBetween(1, 2 ** 30), "Of a body that is read whole; 32MiB by default."),
    maxBodySize: may(sizeBetween(1, 2 ** 40), "Of any body; no limit by default."),
    maxConcurrentRequests: may(count, "Requests that one thread serves at once; 4096 by default."),
    maxConnectionDuration: may(period, "After which a connection ends with its next answer; no limit by default."),
    http1MaxHeaders: may(wholeNumber(1, 4096), "Headers of a request; 1000 by default."),
    http1MaxHeaderSize: may(sizeBetween(1024, 2 ** 20), "Request line and headers; 64KiB by default."),
    http1MaxTargetSize: may(sizeBetween(256, 2 ** 20), "Path and query; 16KiB by default."),
    http1HeaderTimeout: may(period, "Until a request's head is here; 60s by default."),
    http1IdleTimeout: may(period, "How long a connection is kept between two requests; 75s by default."),
    receiveTimeout: may(period, "Until a request is here with its body; 10m by default."),
    bodyTimeout: may(period, "In which at least 1 KiB more of a body has to come; 60s by default."),
    sendTimeout: may(period, "In which a client has to take some of its answer; 60s by default."),
  },
  { notYet: frontendHttpNotYet },
);

export const keepalives = fields({
  enabled: may(v.boolean(), "Whether silent connections are probed; true by default."),
  time: may(period, "How long a connection is silent before it is probed; 180s by default."),
  interval: may(period, "Between two probes; 180s by default."),
  retries: may(wholeNumber(1, 100), "Probes without an answer until it is given up; 9 by default."),
});

const tcp = fields({
  keepalives: may(keepalives, "TCP keep-alive."),
  maxConnections: may(count, "Connections of one thread; 10000 by default."),
  maxConnectionsPerClient: may(count, "Of these, from one IPv4 address or IPv6 /64; no limit by default."),
});

const tls = fields(
  { handshakeTimeout: may(period, "How long a TLS handshake may take; 10s by default.") },
  { notYet: frontendTlsNotYet },
);

export const frontendSchema = fields(
  {
    http: may(http, "Requests and their connections."),
    tcp: may(tcp, "Connections."),
    tls: may(tls, "TLS handshakes."),
  },
  { notYet: frontendNotYet },
);

type Given = v.InferOutput<typeof frontendSchema>;

export function buildFrontend(given: Given | undefined, path: Path): FrontendPolicies | undefined {
  if (given === undefined) return undefined;
  return {
    path,
    maxBufferBytes: given.http?.maxBufferSize,
    maxBodyBytes: given.http?.maxBodySize,
    maxConcurrentRequests: given.http?.maxConcurrentRequests,
    maxConnectionDurationMs: given.http?.maxConnectionDuration,
    maxHeaders: given.http?.http1MaxHeaders,
    maxHeaderBytes: given.http?.http1MaxHeaderSize,
    maxTargetBytes: given.http?.http1MaxTargetSize,
    headerTimeoutMs: given.http?.http1HeaderTimeout,
    idleTimeoutMs: given.http?.http1IdleTimeout,
    receiveTimeoutMs: given.http?.receiveTimeout,
    bodyTimeoutMs: given.http?.bodyTimeout,
    sendTimeoutMs: given.http?.sendTimeout,
    keepAlive: buildKeepAlive(given.tcp?.keepalives),
    maxConnections: given.tcp?.maxConnections,
    maxConnectionsPerClient: given.tcp?.maxConnectionsPerClient,
    handshakeTimeoutMs: given.tls?.handshakeTimeout,
  };
}

export function buildKeepAlive(given: v.InferOutput<typeof keepalives> | undefined): FrontendPolicies["keepAlive"] {
  if (given === undefined) return undefined;
  if (given.enabled === false) return "off";
  return { idleMs: given.time ?? 180_000, intervalMs: given.interval ?? 180_000, probes: given.retries ?? 9 };
}
