/** Every key of a config, asked about at each place that it goes to; a few at a time. */
import type { Certainty } from "@keybearer/providers";
import { createUpstreams, type DispatcherFactory } from "@keybearer/proxy";
import { providers } from "../providers.ts";
import type { CredentialRequest } from "../load/credential-table.ts";
import type { Loaded, LoadedKey } from "../load/load.ts";
import { versionNow } from "../load/open-keys.ts";
import { checkKey, type CheckedKey, type KeyQuestion } from "./check-key.ts";
import { keyTargets, type KeyTarget } from "./targets.ts";

/** `keybearer keys check --json`. */
export interface KeysCheck {
  readonly config: string;
  /** RFC 3339, UTC. */
  readonly at: string;
  /** Every key that was checked is known to authenticate, or cannot be known to for free. */
  readonly ok: boolean;
  readonly keys: readonly KeyCheckResult[];
}

/** `good`, `refused`; `failed`: there was no answer that settles it, or no key to send; `unknown`: none can. */
export type CheckResult = "good" | "refused" | "failed" | "unknown" | "notChecked";

export interface KeyCheckResult {
  readonly name: string;
  readonly place: string;
  readonly source: string;
  readonly fingerprint?: string | undefined;
  readonly backend?: string | undefined;
  /** `api.openai.com:443`. */
  readonly endpoint?: string | undefined;
  readonly result: CheckResult;
  readonly authenticates: Certainty;
  readonly mayGenerate: Certainty;
  readonly detail: string;
}

export interface KeysCheckOptions {
  readonly config: string;
  readonly now: () => number;
  readonly limitMs?: number;
  /** A pool of connections by default. */
  readonly dispatcher?: DispatcherFactory;
}

const AT_ONCE = 4;

/** One result for each key and place. Never rejects for what a provider does. */
export async function checkKeys(loaded: Loaded, options: KeysCheckOptions): Promise<KeysCheck> {
  const upstreams = createUpstreams(options.dispatcher);
  try {
    const targets = keyTargets(loaded.definition, loaded.credentials, providers);
    const questions = loaded.keys.flatMap((key) => questionsAbout(key, targets, loaded.credentials));
    const keys = await inTurn(questions, AT_ONCE, async ({ key, target, unasked }) => {
      const version = key.handle && versionNow(key.handle);
      const told = {
        name: key.name,
        place: key.place,
        source: key.source,
        fingerprint: version?.secret.fingerprint,
        backend: target?.backend,
        endpoint: target?.origin.endpoint,
      };
      if (!target || !version) return { ...told, ...nothing(unasked.result, unasked.detail) };
      const { isOpen, ...verdict } = await checkKey({
        target,
        version,
        beside: besideOf(target, loaded),
        dispatcher: upstreams.dispatcher(target.origin, target.tls),
        ...(options.limitMs === undefined ? {} : { limitMs: options.limitMs }),
      });
      return { ...told, ...verdict, result: resultOf({ ...verdict, isOpen }) };
    });
    const ok = keys.every(({ result }) => result !== "refused" && result !== "failed");
    return { config: options.config, at: new Date(options.now()).toISOString(), ok, keys };
  } finally {
    await upstreams.close();
  }
}

interface Question {
  readonly key: LoadedKey;
  readonly target: KeyTarget | undefined;
  /** What is told of a key that cannot be asked about. */
  readonly unasked: { readonly result: CheckResult; readonly detail: string };
}

function questionsAbout(
  key: LoadedKey,
  targets: readonly KeyTarget[],
  credentials: readonly CredentialRequest[],
): Question[] {
  const keyring = credentials.find((each) => each.kind === "keyring" && each.keys.some(({ id }) => id === key.id));
  const own = targets.filter((target) => target.keyring === keyring?.id);
  const unasked = whyUnasked(key);
  return own.length === 0 || unasked.result === "notChecked"
    ? [{ key, target: undefined, unasked }]
    : own.map((target) => ({ key, target, unasked }));
}

function whyUnasked({ source, unread, failure }: LoadedKey): Question["unasked"] {
  if (source === "passthrough") return { result: "notChecked", detail: "the caller's own token" };
  if (unread !== undefined) return { result: "notChecked", detail: unread };
  if (failure) return { result: "failed", detail: `${failure.code}: ${failure.message}` };
  return { result: "failed", detail: "it cannot be read" };
}

/** Of several keys at another place, the first that can be read: any of them would do. */
function besideOf(target: KeyTarget, { credentials, keys }: Loaded): NonNullable<KeyQuestion["beside"]> {
  const handles = new Map(keys.map(({ id, handle }) => [id, handle]));
  return target.beside.flatMap(({ keyring, placement }) => {
    const request = credentials.find(({ id }) => id === keyring);
    const versions = (request?.kind === "keyring" ? request.keys : []).flatMap(({ id }) => {
      const handle = handles.get(id);
      const version = handle && versionNow(handle);
      return version === undefined ? [] : [version];
    });
    return versions.slice(0, 1).map((version) => ({ placement, version }));
  });
}

function resultOf({ authenticates, isOpen }: CheckedKey): CheckResult {
  if (authenticates === "yes") return "good";
  if (authenticates === "no") return "refused";
  return isOpen ? "failed" : "unknown";
}

function nothing(result: CheckResult, detail: string) {
  return { result, authenticates: "unknown", mayGenerate: "unknown", detail } as const;
}

/** The results in the order of the items, with at most so many under way. */
async function inTurn<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  act: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const rest = items.entries();
  const walk = async (): Promise<void> => {
    // One iterator for all walkers: each takes the next item.
    for (const [index, item] of rest) results[index] = await act(item);
  };
  await Promise.all(Array.from({ length: atOnce }, walk));
  return results;
}
