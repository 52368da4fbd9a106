/** Environment variables go before `config:`. */
import { expect, test } from "vitest";
import { applyEnvironment, ConfigErrors, environmentVariables, parseConfig, type Settings } from "./index.ts";

const text = `config: { adminAddr: "127.0.0.1:1", connectionTerminationDeadline: 7s, logging: { level: warn, format: text } }
binds: [{ port: 0, listeners: [{ routes: [] }] }]`;
const given: Settings = parseConfig(text, {
  fileName: "config.yaml",
  lookup: () => undefined,
  sources: [],
  providers: [],
}).config.config;

function apply(variables: Record<string, string>): Settings {
  return applyEnvironment(given, (name) => variables[name]);
}

test("nothing set changes nothing, and an empty variable counts as unset", () => {
  expect(apply({})).toEqual(given);
  expect(apply(Object.fromEntries(environmentVariables.map((name) => [name, ""])))).toEqual(given);
});

test("each variable has its setting", () => {
  const settings = apply({
    ADMIN_ADDR: "off",
    STATS_ADDR: "[::1]:9",
    READINESS_ADDR: "localhost:0",
    WORKER_THREADS: "3",
    CONNECTION_TERMINATION_DEADLINE: "1m",
    TERMINATION_GRACE_PERIOD_SECONDS: "30",
    CONNECTION_MIN_TERMINATION_DEADLINE: "2s",
    RUST_LOG: "hyper=warn,DEBUG,agentgateway=trace",
    LOG_FORMAT: "json",
  });
  expect(settings).toEqual({
    ...given,
    adminAddr: "off",
    statsAddr: { host: "::1", port: 9 },
    readinessAddr: { host: "localhost", port: 0 },
    workerThreads: 3,
    connectionTerminationDeadlineMs: 60_000,
    connectionMinTerminationDeadlineMs: 2_000,
    logging: { level: "debug", format: "json" },
  });
});

test("of Kubernetes' grace five seconds are kept back, or one where there are few", () => {
  const deadline = (seconds: string) =>
    apply({ TERMINATION_GRACE_PERIOD_SECONDS: seconds }).connectionTerminationDeadlineMs;
  expect(["30", "11", "10", "1", "0"].map(deadline)).toEqual([25_000, 6_000, 9_000, 0, 0]);
});

test("a filter list without a bare level leaves the level as it is", () => {
  expect(apply({ RUST_LOG: "hyper=warn" }).logging.level).toBe("warn");
});

test("every value that cannot be used is told, with its variable", () => {
  const apply = () => applyEnvironment(given, (name) => (name === "FINGERPRINT_KEY" ? undefined : "nonsense"));
  expect(apply).toThrow(ConfigErrors);
  try {
    apply();
  } catch (error) {
    const summaries = ConfigErrors.is(error) ? error.errors.map(({ summary }) => summary) : [];
    expect(summaries).toHaveLength(environmentVariables.length);
    for (const name of environmentVariables) {
      expect(summaries.some((line) => line.startsWith(`environment: CONFIG_VALUE: ${name}: expected `))).toBe(true);
    }
  }
});
