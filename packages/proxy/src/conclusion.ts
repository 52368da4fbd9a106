/** What becomes of a request whose keys were all refused, or that none of several keys may serve. */
import type { KeyringError } from "@keybearer/keyring";
import type { Backend } from "./backend.ts";
import { ProxyError } from "./errors.ts";
import type { AttemptFacts } from "./observer.ts";
import type { Refusal } from "./refusal.ts";

/** Undefined: what the provider said is the answer. */
export function concludeRefusal({ failure, status }: Refusal, { ai }: Backend): ProxyError | undefined {
  switch (failure.class) {
    case "suspected":
      // To a server that is no LLM provider, 403 is most often its word on what was asked for.
      if (status === 403 && !ai) return undefined;
      return credentialsRejected();
    case "keyInvalid":
      return credentialsRejected();
    case "outOfMoney":
      return outOfCredit();
    default:
      return undefined;
  }
}

/** Undefined: the refusal that this request met last is the answer, which says more. `isOnly`: there is no other backend. */
export function concludeKeyring(error: KeyringError, wasRefused: boolean, isOnly: boolean): ProxyError | undefined {
  const isOnlyKey = isOnly && error.trail.length === 1;
  if (wasRefused && (isOnlyKey || error.code === "all_tried")) return undefined;
  const options = { cause: error, retryAfterMs: error.retryAfterMs };
  switch (error.code) {
    case "all_cooling":
      return new ProxyError("keys_cooling", "The gateway's keys for this provider wait for a limit to pass.", options);
    case "shed":
      return new ProxyError("keys_busy", "The gateway's keys for this provider are at their own limit.", options);
    case "all_refused":
      return credentialsRejected(error);
    case "out_of_money":
      return outOfCredit(error);
    case "model_not_allowed":
      return new ProxyError("model_not_allowed", "None of the gateway's keys may ask for this model.", options);
    case "unresolved":
    case "all_tried":
      return new ProxyError("credential_unavailable", "The gateway has no usable key for this provider.", options);
  }
}

/** The keys that were passed over, for the record; those that were tried are in it. */
export function passedOver({ trail }: KeyringError): AttemptFacts[] {
  return trail
    .filter(({ standing }) => standing !== "tried")
    .map(({ key, standing, waitMs }) => ({ key, outcome: standing, rule: "passed-over", status: 0, waitMs }));
}

function credentialsRejected(cause?: KeyringError): ProxyError {
  return new ProxyError("upstream_credentials_rejected", "The provider refuses the gateway's API key.", { cause });
}

function outOfCredit(cause?: KeyringError): ProxyError {
  return new ProxyError("upstream_out_of_credit", "The gateway's account at the provider is out of credit.", { cause });
}
