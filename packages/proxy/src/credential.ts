/** Keys for one attempt: acquired, placed, and given back with what became of it. */
import type { OutgoingRequest } from "@keybearer/providers";
import { SecretError, type Lease, type Outcome, type RequestFacts } from "@keybearer/secrets";
import type { Backend } from "./backend.ts";
import { ProxyError } from "./errors.ts";
import type { KeyFacts } from "./observer.ts";

export interface PlacedKeys {
  /** The first key, which is the one that pays; undefined: the backend has none. */
  readonly facts: KeyFacts | undefined;
  release(outcome: Outcome): void;
}

/** All of a backend's credentials, or none. Throws ProxyError when one is not to be had: nothing leaves without its key. */
export function placeCredentials(backend: Backend, facts: RequestFacts, outgoing: OutgoingRequest): PlacedKeys {
  const leases: Lease[] = [];
  try {
    for (const { credential, placement } of backend.credentials) {
      const lease = credential.acquire(facts, []);
      leases.push(lease);
      placement.place(lease.version, outgoing);
    }
  } catch (error) {
    for (const lease of leases) lease.release({ kind: "abandoned" });
    throw refusal(error);
  }
  const [first] = leases;
  return {
    facts: first && { name: first.name, source: first.source, fingerprint: first.version.secret.fingerprint },
    release: (outcome) => {
      for (const lease of leases) lease.release(outcome);
    },
  };
}

function refusal(error: unknown): unknown {
  if (!SecretError.is(error)) return error;
  if (error.source !== "passthrough") {
    return new ProxyError("credential_unavailable", "The gateway has no usable key for this provider.", {
      cause: error,
    });
  }
  return error.code === "SECRET_NOT_FOUND"
    ? new ProxyError(
        "caller_token_missing",
        "This route passes on the caller's own API key, and the request has none.",
        { cause: error },
      )
    : new ProxyError("caller_token_malformed", "The API key in the request has characters that no key has.", {
        cause: error,
      });
}
