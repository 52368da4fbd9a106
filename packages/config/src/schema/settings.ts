/** `config:`, what concerns the process as a whole. Read at start only. */
import * as v from "valibot";
import type { Settings } from "../config.ts";
import type { Path } from "../errors.ts";
import { message } from "../problem.ts";
import type { KeySchemas } from "./key.ts";
import { fields, may, noted } from "./notes.ts";
import { buildReference } from "./reference.ts";
import { byteSize, duration, listenAddress, nonEmptyText, wholeNumber } from "./values.ts";
import { settingsNotYet } from "./unsupported.ts";
import { buildUpstreamSettings, upstreamSettings } from "./upstream-settings.ts";

export const logLevels = ["error", "warn", "info", "debug", "trace"] as const;
export const logFormats = ["text", "json"] as const;
export const maxWorkerThreads = 1024;
const engines = ["wire", "node"] as const;

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

export function settingsSchema({ token }: KeySchemas) {
  return fields(
    {
      adminAddr: may(listenAddress, "Where the admin pages listen; localhost:15000 by default, or off."),
      statsAddr: may(listenAddress, "Where metrics are served; [::]:15020 by default, or off."),
      readinessAddr: may(listenAddress, "Where readiness is told; [::]:15021 by default, or off."),
      workerThreads: may(
        workerThreads,
        "Threads that serve requests; by default one a core. 0: the main thread serves.",
      ),
      engine: may(
        v.picklist(engines, message("CONFIG_VALUE", `expected one of ${engines.join(", ")}`)),
        "What speaks HTTP/1.1 on both sides: wire, the default, or node (node:http and undici).",
      ),
      connectionTerminationDeadline: may(duration, "How long requests in flight may take at a stop; 5s by default."),
      connectionMinTerminationDeadline: may(duration, "How long new requests are still taken at a stop; 0 by default."),
      logging: may(logging, "The log on standard error."),
      adminToken: may(token, "What callers of the admin pages have to show, or where it is to be had."),
      keyHeader: may(v.boolean(), "Name the key in each answer's header keybearer-key; false by default."),
      bodyBudget: may(
        byteSize,
        "Bodies of requests that are read whole, in all; by default a quarter of the memory, at most 1GiB.",
      ),
      replayBudget: may(byteSize, "How much of requests is kept to send them again, in all; 256MiB by default."),
      backend: may(upstreamSettings, "Connections to backends."),
      minHealthyKeys: may(wholeNumber(0, 1_000), "Fewer healthy keys than this in a list are reported; 1 by default."),
      fingerprintKey: may(
        nonEmptyText,
        "Secret from which the fingerprints of keys are made; a published one by default.",
      ),
    },
    { notYet: settingsNotYet },
  );
}

export function parseWorkerThreads(text: string): number | undefined {
  if (!/^\d{1,4}$/.test(text)) return undefined;
  return Number(text) <= maxWorkerThreads ? Number(text) : undefined;
}

/** The level for everything in a filter list: `info` of `hyper=warn,info`. The whole text when there is none. */
export function bareLevel(text: string): string {
  const parts = text.split(",").map((part) => part.trim().toLowerCase());
  return parts.find((part) => part !== "" && !part.includes("=")) ?? text;
}

type Given = v.InferOutput<ReturnType<typeof settingsSchema>>;

export function buildSettings(given: Given | undefined, path: Path): Settings {
  return {
    adminAddr: given?.adminAddr ?? { host: "localhost", port: 15_000 },
    statsAddr: given?.statsAddr ?? { host: "::", port: 15_020 },
    readinessAddr: given?.readinessAddr ?? { host: "::", port: 15_021 },
    workerThreads: given?.workerThreads,
    engine: given?.engine ?? "wire",
    connectionTerminationDeadlineMs: given?.connectionTerminationDeadline ?? 5_000,
    connectionMinTerminationDeadlineMs: given?.connectionMinTerminationDeadline ?? 0,
    logging: { level: given?.logging?.level ?? "info", format: given?.logging?.format },
    fingerprintKey: given?.fingerprintKey,
    adminToken: given?.adminToken && buildReference(given.adminToken, [...path, "adminToken"]),
    keyHeader: given?.keyHeader ?? false,
    bodyBudgetBytes: given?.bodyBudget,
    replayBudgetBytes: given?.replayBudget ?? 256 * 2 ** 20,
    minHealthyKeys: given?.minHealthyKeys ?? 1,
    backend: buildUpstreamSettings(given?.backend),
  };
}
