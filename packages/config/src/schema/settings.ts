/** `config:`, what concerns the process as a whole. Read at start only. */
import * as v from "valibot";
import type { Settings } from "../config.ts";
import { message } from "../problem.ts";
import { fields, may, noted } from "./notes.ts";
import { duration, listenAddress, nonEmptyText, wholeNumber } from "./values.ts";
import { settingsNotYet } from "./unsupported.ts";

export const logLevels = ["error", "warn", "info", "debug", "trace"] as const;
export const logFormats = ["text", "json"] as const;
export const maxWorkerThreads = 1024;

const workerThreads = wholeNumber(0, maxWorkerThreads);

const logLevel = noted(
  v.pipe(
    v.string(),
    v.transform(bareLevel),
    v.picklist(logLevels, message("CONFIG_VALUE", `expected one of ${logLevels.join(", ")}`)),
  ),
  { fix: `write one of ${logLevels.join(", ")}` },
);

const logging = fields(
  {
    level: may(logLevel, "How much is logged; info by default."),
    format: may(v.picklist(logFormats), "By default text on a terminal, else json."),
  },
  { notYet: ["filter", "fields", "database"] },
);

export const settingsSchema = fields(
  {
    adminAddr: may(listenAddress, "Where the admin pages listen; localhost:15000 by default, or off."),
    statsAddr: may(listenAddress, "Where metrics are served; [::]:15020 by default, or off."),
    readinessAddr: may(listenAddress, "Where readiness is told; [::]:15021 by default, or off."),
    workerThreads: may(workerThreads, "Threads that serve requests; by default one a core. 0: the main thread serves."),
    connectionTerminationDeadline: may(duration, "How long requests in flight may take at a stop; 5s by default."),
    connectionMinTerminationDeadline: may(duration, "How long new requests are still taken at a stop; 0 by default."),
    logging: may(logging, "The log on standard error."),
    fingerprintKey: may(
      nonEmptyText,
      "Secret from which the fingerprints of keys are made; a published one by default.",
    ),
  },
  { notYet: settingsNotYet },
);

export function parseWorkerThreads(text: string): number | undefined {
  if (!/^\d{1,4}$/.test(text)) return undefined;
  return Number(text) <= maxWorkerThreads ? Number(text) : undefined;
}

/** The level for everything in a filter list: `info` of `hyper=warn,info`. The whole text when there is none. */
export function bareLevel(text: string): string {
  const parts = text.split(",").map((part) => part.trim().toLowerCase());
  return parts.find((part) => part !== "" && !part.includes("=")) ?? text;
}

export function buildSettings(given: v.InferOutput<typeof settingsSchema> | undefined): Settings {
  return {
    adminAddr: given?.adminAddr ?? { host: "localhost", port: 15_000 },
    statsAddr: given?.statsAddr ?? { host: "::", port: 15_020 },
    readinessAddr: given?.readinessAddr ?? { host: "::", port: 15_021 },
    workerThreads: given?.workerThreads,
    connectionTerminationDeadlineMs: given?.connectionTerminationDeadline ?? 5_000,
    connectionMinTerminationDeadlineMs: given?.connectionMinTerminationDeadline ?? 0,
    logging: { level: given?.logging?.level ?? "info", format: given?.logging?.format },
    fingerprintKey: given?.fingerprintKey,
  };
}
