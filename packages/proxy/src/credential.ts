/** Keys for one attempt: acquired, placed, and given back with what became of it. */
import { KeyringError } from "@keybearer/keyring";
import type { OutgoingRequest } from "@keybearer/providers";
import { SecretError, type Lease, type Outcome, type RequestFacts, type SecretVersion } from "@keybearer/secrets";
import type { Backend } from "./backend.ts";
import { ProxyError } from "./errors.ts";
import type { KeyFacts } from "./observer.ts";

export class PlacedKeys {
  readonly #leases: readonly Lease[];
  /** The first key, which is the one that pays; undefined: the backend has none. */
  readonly facts: KeyFacts | undefined;
  /** That key is the caller's own token: what becomes of it concerns nobody else. */
  readonly isCallers: boolean;
  /** Of all keys that are the gateway's own. */
  readonly versions: SecretVersion[] = [];

  constructor(leases: readonly Lease[]) {
    const [first] = leases;
    this.#leases = leases;
    this.facts = first && { name: first.name, source: first.source, fingerprint: first.version.secret.fingerprint };
    this.isCallers = first !== undefined && !isOwn(first);
    for (const lease of leases) if (isOwn(lease)) this.versions.push(lease.version);
  }

  /** Asks the first key's source for a newer version. Undefined: it has nothing that could be asked. Never rejects. */
  renew(): Promise<boolean> | undefined {
    return this.#leases[0]?.renew?.();
  }

  /** What is known before the answer has ended. */
  report(outcome: Outcome): void {
    this.#leases[0]?.report?.(outcome);
  }

  /** The answer is a response from which later requests may go on, with the first key. */
  pin(responseId: string): void {
    this.#leases[0]?.pin?.(responseId);
  }

  release(outcome: Outcome): void {
    this.#leases[0]?.release(outcome);
    for (let index = 1; index < this.#leases.length; index++) this.#leases[index]?.release(besides(outcome));
  }
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
      const lease = credential.acquire(facts, leases.length === 0 ? tried : none);
      leases.push(lease);
      placement.place(lease.version, outgoing);
    }
  } catch (error) {
    for (const lease of leases) lease.release({ kind: "abandoned" });
    throw KeyringError.is(error) || !SecretError.is(error) ? error : explain(error);
  }
  return new PlacedKeys(leases);
}

const none: readonly string[] = [];

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
