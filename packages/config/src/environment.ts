/** agentgateway's environment variables that go before what `config:` says. */
import * as v from "valibot";
import type { LogFormat, LogLevel, Settings } from "./config.ts";
import { parseDuration } from "./duration.ts";
import { ConfigError, ConfigErrors } from "./errors.ts";
import { bareLevel, logFormats, logLevels, maxWorkerThreads, parseWorkerThreads } from "./schema/settings.ts";
import { listenAddress } from "./schema/values.ts";

/** Every variable that `applyEnvironment()` reads. */
export const environmentVariables = [
  "ADMIN_ADDR",
  "STATS_ADDR",
  "READINESS_ADDR",
  "WORKER_THREADS",
  "CONNECTION_TERMINATION_DEADLINE",
  "TERMINATION_GRACE_PERIOD_SECONDS",
  "CONNECTION_MIN_TERMINATION_DEADLINE",
  "RUST_LOG",
  "LOG_FORMAT",
] as const;

type Variable = (typeof environmentVariables)[number];

/** An empty variable counts as unset. Throws ConfigErrors that name the variables whose value cannot be used. */
export function applyEnvironment(settings: Settings, lookup: (name: string) => string | undefined): Settings {
  const errors: ConfigError[] = [];
  const read = <T>(name: Variable, parse: (text: string) => T | undefined, expected: string): T | undefined => {
    const text = lookup(name)?.trim();
    if (text === undefined || text === "") return undefined;
    const value = parse(text);
    if (value === undefined) errors.push(refuse(name, text, expected));
    return value;
  };
  const address = (name: Variable) => read(name, parseAddress, "an address with a port like 127.0.0.1:15000, or off");
  const time = (name: Variable) => read(name, parseDuration, "a duration like 5s");
  const grace = read("TERMINATION_GRACE_PERIOD_SECONDS", parseGrace, "a whole number of seconds");
  const format = read("LOG_FORMAT", parseFormat, `one of ${logFormats.join(", ")}`);
  const level = read("RUST_LOG", parseLevel, `one of ${logLevels.join(", ")}`);
  const applied: Settings = {
    ...settings,
    adminAddr: address("ADMIN_ADDR") ?? settings.adminAddr,
    statsAddr: address("STATS_ADDR") ?? settings.statsAddr,
    readinessAddr: address("READINESS_ADDR") ?? settings.readinessAddr,
    workerThreads:
      read("WORKER_THREADS", parseWorkerThreads, `a whole number from 0 to ${maxWorkerThreads}`) ??
      settings.workerThreads,
    connectionTerminationDeadlineMs:
      time("CONNECTION_TERMINATION_DEADLINE") ?? grace ?? settings.connectionTerminationDeadlineMs,
    connectionMinTerminationDeadlineMs:
      time("CONNECTION_MIN_TERMINATION_DEADLINE") ?? settings.connectionMinTerminationDeadlineMs,
    logging: {
      level: level === "unset" ? settings.logging.level : (level ?? settings.logging.level),
      format: format ?? settings.logging.format,
    },
  };
  if (errors.length > 0) throw new ConfigErrors(errors);
  return applied;
}

function refuse(name: Variable, text: string, expected: string): ConfigError {
  const message = `${name}: expected ${expected}`;
  const found = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return new ConfigError({ code: "CONFIG_VALUE", fileName: "environment", message, found });
}

function parseAddress(text: string): Settings["adminAddr"] | undefined {
  const result = v.safeParse(listenAddress, text);
  return result.success ? result.output : undefined;
}

/** What Kubernetes grants before it kills: five seconds are kept back, or one where there are few. */
function parseGrace(text: string): number | undefined {
  if (!/^\d{1,6}$/.test(text)) return undefined;
  const seconds = Number(text);
  return Math.max(0, seconds > 10 ? seconds - 5 : seconds - 1) * 1_000;
}

function parseFormat(text: string): LogFormat | undefined {
  return logFormats.find((format) => format === text.toLowerCase());
}

/** A filter list without a bare level (`hyper=warn`) leaves the level as it is. */
function parseLevel(text: string): LogLevel | "unset" | undefined {
  const level = bareLevel(text);
  if (level.includes("=")) return "unset";
  return logLevels.find((known) => known === level);
}
