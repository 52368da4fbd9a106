import { expect, test } from "vitest";
import { ConfigErrors, parseConfig, type UpstreamSettings } from "./index.ts";

const read = (backend: string): UpstreamSettings =>
  parseConfig(
    `config: { backend: ${backend} }\nbinds: [{ port: 1, listeners: [{ routes: [{ backends: [{ host: "a:1" }] }] }] }]`,
    {
      fileName: "config.yaml",
      lookup: () => undefined,
      sources: [],
      providers: [],
    },
  ).config.config.backend;

function refusal(backend: string): string {
  try {
    read(backend);
  } catch (error) {
    if (ConfigErrors.is(error)) return error.format();
    throw error;
  }
  throw new Error("the config was accepted");
}

const defaults: UpstreamSettings = {
  connectTimeoutMs: 10_000,
  poolIdleTimeoutMs: 90_000,
  poolMaxSize: undefined,
  keepAlive: undefined,
  maxConnections: 1024,
  queueSize: 1024,
  queueTimeoutMs: 5_000,
  headerTimeoutMs: 600_000,
  bodyTimeoutMs: 300_000,
  maxHeaderBytes: 32 * 1024,
  resolveIntervalMs: 30_000,
};

test.each<[string, Partial<UpstreamSettings>]>([
  ["{}", {}],
  ["{ connectTimeout: 3s, poolIdleTimeout: 1m30s }", { connectTimeoutMs: 3_000, poolIdleTimeoutMs: 90_000 }],
  ["{ poolMaxSize: 0, maxConnections: 1, queueSize: 0 }", { poolMaxSize: 0, maxConnections: 1, queueSize: 0 }],
  ["{ queueTimeout: 250ms }", { queueTimeoutMs: 250 }],
  ["{ headerTimeout: 20m, bodyTimeout: 30s }", { headerTimeoutMs: 1_200_000, bodyTimeoutMs: 30_000 }],
  ["{ maxHeaderSize: 64KiB }", { maxHeaderBytes: 64 * 1024 }],
  ["{ resolveInterval: 5s }", { resolveIntervalMs: 5_000 }],
  ["{ keepalives: { time: 60s, retries: 3 } }", { keepAlive: { idleMs: 60_000, intervalMs: 180_000, probes: 3 } }],
  ["{ keepalives: { enabled: false, time: 60s } }", { keepAlive: "off" }],
])("config.backend %s is what it says, and the rest by default", (text, given) => {
  expect(read(text)).toEqual({ ...defaults, ...given });
});

test.each([
  ["{ connectTimeout: 0s }", "CONFIG_VALUE"],
  ["{ bodyTimeout: 0s }", "CONFIG_VALUE"],
  ["{ maxConnections: 0 }", "expected a whole number from 1 to 65535"],
  ["{ maxHeaderSize: 10 }", "CONFIG_VALUE"],
  ["{ queueSize: -1 }", "expected a whole number from 0"],
  ["{ keepalives: { retries: 0 } }", "expected a whole number from 1"],
  ["{ poolSize: 3 }", "CONFIG_UNKNOWN_FIELD"],
])("config.backend %s is refused", (text, reason) => {
  expect(refusal(text)).toContain(reason);
});
