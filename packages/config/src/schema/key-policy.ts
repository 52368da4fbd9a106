/** How a key is kept: what happens at a start without it, how old it may get, how long its predecessor lives on. */
import * as v from "valibot";
import type { KeyPolicy } from "../key-config.ts";
import { fields, may } from "./notes.ts";
import { misplacedBesideWord } from "./reference.ts";
import { duration, longTime, timeout } from "./values.ts";

export const policyEntries = {
  startup: may(
    v.picklist(["fail", "wait", "degraded"]),
    "A start without this key: fail, the default; wait for it; or degraded, serve the others.",
  ),
  maxStale: may(longTime, "How long a key that cannot be read again is still used; without end by default."),
  maxAge: may(longTime, "How old a key may get before it is reported; without end by default."),
  overlap: may(duration, "How long a key's predecessor is kept to fall back on; 10m by default."),
};

export const secretDefaultsSchema = fields(
  {
    ...policyEntries,
    startupTimeout: may(timeout, "How long a start waits for a key where startup is wait; 60s by default."),
  },
  { misplaced: { refreshInterval: misplacedBesideWord.refreshInterval } },
);

type GivenDefaults = v.InferOutput<typeof secretDefaultsSchema>;
export type GivenPolicy = Omit<GivenDefaults, "startupTimeout">;

export function buildDefaults(given: GivenDefaults | undefined): KeyPolicy {
  const { startupTimeout: startupTimeoutMs = 60_000, ...policy } = given ?? {};
  return mergePolicy(policy, { startup: "fail", startupTimeoutMs, overlapMs: 600_000 });
}

/** What a key says itself goes before the defaults. */
export function mergePolicy(given: GivenPolicy, defaults: KeyPolicy): KeyPolicy {
  const { startup = defaults.startup, overlap = defaults.overlapMs } = given;
  const { maxStale = defaults.maxStaleMs, maxAge = defaults.maxAgeMs } = given;
  return {
    startup,
    startupTimeoutMs: defaults.startupTimeoutMs,
    ...(maxStale === undefined ? {} : { maxStaleMs: maxStale }),
    ...(maxAge === undefined ? {} : { maxAgeMs: maxAge }),
    overlapMs: overlap,
  };
}
