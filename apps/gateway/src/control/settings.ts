/** Which of `config:` a reload changes, and which a start alone. */
import { isDeepStrictEqual } from "node:util";
import type { Settings } from "@keybearer/config";

/** The token and the header are looked up in the config that runs. */
const AT_ONCE = [
  "connectionTerminationDeadlineMs",
  "connectionMinTerminationDeadlineMs",
  "adminToken",
  "keyHeader",
] as const;

/** What a running process goes by: what it was started with, but for what may change. */
export function effectiveSettings(started: Settings, next: Settings): Settings {
  const { connectionTerminationDeadlineMs, connectionMinTerminationDeadlineMs, adminToken, keyHeader } = next;
  const { level } = next.logging;
  return {
    ...started,
    connectionTerminationDeadlineMs,
    connectionMinTerminationDeadlineMs,
    adminToken,
    keyHeader,
    logging: { ...started.logging, level },
  };
}

/** `config.adminAddr`: fields that are not as they were at the start, and stay so until the next one. */
export function needsRestart(started: Settings, next: Settings): string[] {
  const later = new Set<string>(AT_ONCE);
  const fields = Object.keys({ ...started, ...next }).filter((name) => !later.has(name)) as (keyof Settings)[];
  return fields.flatMap((name) => {
    if (name === "logging") return started.logging.format === next.logging.format ? [] : ["config.logging.format"];
    return isDeepStrictEqual(started[name], next[name]) ? [] : [`config.${name.replace(/(?:Bytes|Ms)$/, "")}`];
  });
}
