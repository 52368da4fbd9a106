/** Keys for one attempt: acquired, placed, and given back with what became of it. */
import { KeyringError } from "@keybearer/keyring";
import type { OutgoingRequest } from "@keybearer/providers";
import { SecretError, type Lease, type Outcome, type RequestFacts, type SecretVersion } from "@keybearer/secrets";
import type { Backend } from "./backend.ts";
import { ProxyError } from "./errors.ts";
import type { KeyFacts } from "./observer.ts";

export interface PlacedKeys {
  /** The first key, which is the one that pays; undefined: the backend has none. */
  readonly facts: KeyFacts | undefined;
  /** That key is the caller's own token: what becomes of it concerns nobody else. */
  readonly isCallers: boolean;
  /** Of all keys that are the gateway's own. */
  readonly versions: readonly SecretVersion[];
  /** Asks the first key's source for a newer version. Undefined: it has nothing that could be asked. Never rejects. */
  renew(): Promise<boolean> | undefined;
  /** What is known before the answer has ended. */
  report(outcome: Outcome): void;
  /** The answer is a response from which later requests may go on, with the first key. */
  readonly pin: (responseId: string) => void;
  release(outcome: Outcome): void;
}

/**
 * All of a backend's credentials, or none. Throws ProxyError when one is not to be had, for nothing leaves without its key;
 * KeyringError when a keyring has none to give. `tried`: names of keys that this request used before.
 */
export function placeCredentials(
  backend: Backend,
  facts: RequestFacts,
  outgoing: OutgoingRequest,
  tried: readonly string[],
): PlacedKeys {
  const leases: Lease[] = [];
  try {
    for (const { credential, placement } of backend.credentials) {
      // The first is the one that pays, and that another may stand in for.
      const lease = credential.acquire(facts, leases.length === 0 ? tried : []);
      leases.push(lease);
      placement.place(lease.version, outgoing);
    }
  } catch (error) {
    for (const lease of leases) lease.release({ kind: "abandoned" });
    throw KeyringError.is(error) || !SecretError.is(error) ? error : explain(error);
  }
  const [first] = leases;
  return {
    facts: first && { name: first.name, source: first.source, fingerprint: first.version.secret.fingerprint },
    isCallers: first !== undefined && !isOwn(first),
    versions: leases.filter(isOwn).map(({ version }) => version),
    renew: () => first?.renew?.(),
    report: (outcome) => first?.report?.(outcome),
    pin: (responseId) => first?.pin?.(responseId),
    release: (outcome) => {
      for (const [index, lease] of leases.entries()) lease.release(index === 0 ? outcome : besides(outcome));
    },
  };
}

function isOwn({ source }: Lease): boolean {
  return source !== "passthrough";
}

/** What a refusal says of the first credential, it does not say of those beside it. */
function besides(outcome: Outcome): Outcome {
  return outcome.kind === "refused" ? { kind: "failed" } : outcome;
}

function explain(cause: SecretError): ProxyError {
  if (cause.source !== "passthrough") {
    return new ProxyError("credential_unavailable", "The gateway has no usable key for this provider.", { cause });
  }
  return cause.code === "SECRET_NOT_FOUND"
    ? new ProxyError(
        "caller_token_missing",
        "This route passes on the caller's own API key, and the request has none.",
        { cause },
      )
    : new ProxyError("caller_token_malformed", "The API key in the request has characters that no key has.", { cause });
}
