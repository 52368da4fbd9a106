/** What can be said of keys as they were read: notices of their sources, and two names for one key. */
import { Secret, type SecretVersion } from "@keybearer/secrets";
import type { CredentialRequest, RingMember } from "../load/credential-table.ts";
import type { Loaded, LoadedKey } from "../load/load.ts";
import { versionNow } from "../load/open-keys.ts";
import { fromError, type Finding } from "./finding.ts";

export function keyFindings({ keys, credentials }: Pick<Loaded, "keys" | "credentials">): Finding[] {
  return [
    ...keys.flatMap(({ failure }) => (failure ? [fromError(failure)] : [])),
    ...keys.flatMap(({ place, notices }) =>
      notices.map((notice): Finding => ({ severity: "warning", place, ...notice })),
    ),
    ...twins(keys, scopesIn(credentials)),
  ];
}

/** The gateway takes two names for two keys: each with limits of its own, one resting while the other is used up. */
function twins(keys: readonly LoadedKey[], scopeOf: ReadonlyMap<string, string | undefined>): Finding[] {
  const seen: { readonly key: LoadedKey; readonly version: SecretVersion }[] = [];
  const findings: Finding[] = [];
  for (const key of keys) {
    const version = key.handle && versionNow(key.handle);
    if (version === undefined) continue;
    const twin = seen.find((other) => Secret.equal(other.version.secret, version.secret));
    if (twin === undefined) seen.push({ key, version });
    else if (!sharesScope(scopeOf.get(key.id), scopeOf.get(twin.key.id))) findings.push(twinFinding(key, twin.key));
  }
  return findings;
}

function twinFinding({ name, place }: LoadedKey, twin: LoadedKey): Finding {
  return {
    severity: "warning",
    code: "KEY_TWICE",
    place,
    message: `${name} is the same key as ${twin.name}, and counts as another: their limits and rests are kept apart`,
    found: `${twin.name} at ${twin.place}`,
    fix: "give each a key of its own; or define it once, on the route; or in lists of keys give both the same scope",
  };
}

function sharesScope(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && one === other;
}

function scopesIn(credentials: readonly CredentialRequest[]): ReadonlyMap<string, string | undefined> {
  const members = credentials.flatMap((each): readonly RingMember[] => (each.kind === "keyring" ? each.keys : []));
  return new Map(members.map(({ id, scope }) => [id, scope]));
}
