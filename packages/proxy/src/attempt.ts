/** One attempt: a request sent with its keys, and its answer relayed or, if the provider refuses them, kept back. */
import { readRateLimits, type HeaderList, type OutgoingRequest } from "@keybearer/providers";
import type { Outcome } from "@keybearer/secrets";
import type { Backend } from "./backend.ts";
import type { PlacedKeys } from "./credential.ts";
import type { RoutePolicies } from "./definition.ts";
import { dispatch, type Attempt, type UpstreamAnswer } from "./dispatch.ts";
import { asProxyError, ProxyError } from "./errors.ts";
import type { Observer } from "./observer.ts";
import { relay } from "./relay.ts";
import { look, type Looked, type Refusal } from "./refusal.ts";
import type { ReplayBudget, RequestBody } from "./replay.ts";
import type { RequestCredentials } from "./request-facts.ts";
import { attemptTimeout, type HealingTimeouts } from "./timeouts.ts";
import type { Transaction } from "./transaction.ts";

/** What stays the same from one attempt to the next. */
export interface Way {
  readonly backend: Backend;
  readonly policies: RoutePolicies;
  /** After the route's rewrite. */
  readonly path: string;
  readonly credentials: RequestCredentials;
  readonly observer: Observer;
  readonly replayBudget: ReplayBudget;
  readonly timeouts: HealingTimeouts;
}

/** A request with its keys in place. Whoever has it gives the keys back. */
export interface Prepared {
  readonly outgoing: OutgoingRequest;
  readonly keys: PlacedKeys;
}

/** Undefined: the client has its answer. Else the provider refused, and the client knows nothing of it yet. */
export async function attempt(
  transaction: Transaction,
  way: Way,
  body: RequestBody,
  prepared: Prepared,
): Promise<Refusal | undefined> {
  const { keys } = prepared;
  let outcome: Outcome = { kind: "failed" };
  let sent: Attempt | undefined;
  try {
    // What a provider says of a caller's own token concerns nobody else, and is never asked again.
    if (!keys.isOwn) body.forget();
    sent = send(transaction, way, body, prepared);
    const answer = await sent.answer;
    const looked = await seen(answer, transaction, way, keys);
    if (looked.refusal) {
      outcome = { kind: "refused", failure: looked.refusal.failure };
      // Of what is left of it nobody wants anything.
      sent.abort(new ProxyError("upstream_closed", "The provider refused."));
      return looked.refusal;
    }
    body.forget();
    outcome = { kind: "answered", status: answer.status };
    keys.report(keys.isOwn ? { ...outcome, exhaustedMs: exhausted(answer.headers) } : outcome);
    await relay(looked.answer, way.backend, transaction);
    return undefined;
  } catch (error) {
    const failure = asProxyError(error, transaction.requestId, way.observer);
    // Nothing for the upstream to finish: where the fault is ours or the client's, it may still be at it.
    sent?.abort(failure);
    if (failure.code === "client_closed" && outcome.kind === "failed") outcome = { kind: "abandoned" };
    throw failure;
  } finally {
    keys.release(outcome);
  }
}

function send(transaction: Transaction, way: Way, body: RequestBody, { outgoing, keys }: Prepared): Attempt {
  const { exchange, requestId: id, endpoint } = transaction;
  const { observer, backend, policies } = way;
  transaction.key = keys.facts;
  if (observer.debugEnabled) observer.debug("upstream request", { id, endpoint, key: keys.facts });
  const sent = dispatch(backend.dispatcher, {
    method: exchange.head.method,
    path: outgoing.path + outgoing.query,
    headers: outgoing.headers.toFlat(),
    body: body.send(),
    timeout: attemptTimeout(transaction, policies),
  });
  exchange.onClientGone(() => sent.abort(new ProxyError("client_closed", "The client closed the connection.")));
  return sent;
}

/** Looked at only where a key of the gateway's own is at stake. */
function seen(answer: UpstreamAnswer, transaction: Transaction, way: Way, keys: PlacedKeys): Looked | Promise<Looked> {
  const { isOwn, versions } = keys;
  return versions.length > 0 ? look(answer, way.backend, transaction, { timeouts: way.timeouts, isOwn }) : { answer };
}

/** Milliseconds for which the provider says that nothing remains. Most answers say that much does: they are not read. */
function exhausted(headers: HeaderList): number | undefined {
  for (const [name, value] of headers) {
    if (value === "0" && name.includes("remaining")) return readRateLimits(headers, Date.now()).exhaustedMs;
  }
  return undefined;
}
