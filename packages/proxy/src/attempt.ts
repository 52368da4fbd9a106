/** One attempt: a request sent with its keys, and its answer relayed or, if the provider refuses them, kept back. */
import { readRateLimits, type HeaderList, type OutgoingRequest } from "@keybearer/providers";
import type { Outcome } from "@keybearer/secrets";
import type { Calls } from "./call.ts";
import type { Candidate, Candidates } from "./candidates.ts";
import type { PlacedKeys } from "./credential.ts";
import type { RoutePolicies } from "./definition.ts";
import { dispatch, type Attempt, type UpstreamAnswer, type UpstreamRequest } from "./dispatch.ts";
import { asProxyError, ProxyError } from "./errors.ts";
import type { Road } from "./handle.ts";
import { relay } from "./relay.ts";
import { look, mayRefuse, type Looked } from "./refusal.ts";
import type { RequestBody } from "./replay.ts";
import type { AttemptFailure, Retries } from "./retries.ts";
import type { RequestCredentials } from "./request-facts.ts";
import { attemptTimeout, leftMs } from "./timeouts.ts";
import type { Transaction } from "./transaction.ts";

/** What stays the same from one attempt to the next. */
export interface Way {
  readonly candidates: Candidates;
  readonly calls: Calls;
  readonly policies: RoutePolicies;
  /** After the route's rewrite. */
  readonly path: string;
  readonly credentials: RequestCredentials;
  readonly road: Road;
}

/** A request with its keys in place. Whoever has it gives back the keys and the candidate. */
export interface Prepared {
  readonly candidate: Candidate;
  readonly outgoing: OutgoingRequest;
  readonly keys: PlacedKeys;
}

/** Undefined: the client has its answer. Else the provider refused or failed, and most often the client knows nothing yet. */
export async function attempt(
  transaction: Transaction,
  way: Way,
  body: RequestBody,
  prepared: Prepared,
  retries: Retries,
): Promise<AttemptFailure | undefined> {
  const { keys, candidate } = prepared;
  const { backend } = candidate;
  let outcome: Outcome = { kind: "failed" };
  let sent: Attempt | undefined;
  try {
    sent = send(transaction, way, prepared, { body: body.send(), isWary: retries.isWary });
    // No other key is to serve: a caller's own token has none beside it, and without any key there is nothing to heal.
    const isAlone = keys.isCallers || (!keys.facts && !way.candidates.areSeveral);
    if (isAlone && !retries.remain) body.forget();
    const answer = await sent.answer;
    const isAtStake =
      (mayRefuse(answer) && mayBeRefused(prepared, way)) || (body.canBeSentAgain && retries.mayFollow(answer.status));
    const looked = isAtStake ? await seen(answer, transaction, way, prepared) : { answer };
    if (looked.refusal) {
      outcome = { kind: "refused", failure: looked.refusal.failure };
      // Of what is left of it nobody wants anything.
      sent.abort(new ProxyError("upstream_closed", "The provider refused."));
      return looked.refusal;
    }
    outcome = { kind: "answered", status: answer.status };
    keys.report(keys.isCallers ? outcome : { ...outcome, exhaustedMs: exhausted(answer.headers) });
    const pin = pinning(prepared, way);
    const begun = (): void => {
      body.forget();
      transaction.forgetBody();
    };
    const relaying = relay(looked.answer, backend, transaction, { begun, pin });
    if (relaying) await relaying;
    return undefined;
  } catch (error) {
    const failure = asProxyError(error, transaction.requestId, way.road.observer);
    // Nothing for the upstream to finish: where the fault is ours or the client's, it may still be at it.
    sent?.abort(failure);
    if (failure.code === "client_closed" && outcome.kind === "failed") outcome = { kind: "abandoned" };
    // Our own full queue says nothing of the endpoint.
    if (failure.isUnsent) outcome = failure.code === "upstream_busy" ? { kind: "abandoned" } : unreached;
    return failure;
  } finally {
    keys.release(outcome);
    candidate.release(outcome);
  }
}

/** No connection: what could be said of keys is not known. */
const unreached: Outcome = {
  kind: "refused",
  failure: { class: "network", scope: "endpoint", confirmed: true, rule: "no-answer" },
};

function send(
  transaction: Transaction,
  { road: { observer }, policies }: Way,
  { candidate: { backend }, outgoing, keys }: Prepared,
  how: Pick<UpstreamRequest, "body" | "isWary">,
): Attempt {
  const { exchange, requestId: id, endpoint } = transaction;
  transaction.key = keys.facts;
  if (observer.debugEnabled) observer.debug("upstream request", { id, endpoint, key: keys.facts });
  const sent = dispatch(backend.dispatcher, {
    method: exchange.head.method,
    path: outgoing.path + outgoing.query,
    headers: outgoing.headers.toFlat(),
    timeout: attemptTimeout(transaction, policies),
    ...how,
  });
  exchange.onClientGone((reason) => sent.abort(reason));
  return sent;
}

/** A key of the gateway's own is at stake, or another backend may serve. */
function mayBeRefused({ keys: { versions, facts } }: Prepared, { candidates }: Way): boolean {
  return versions.length > 0 || (!facts && candidates.areSeveral);
}

/** Looked at for as long as the request's own time lasts, too: until then its client may have heard nothing. */
function seen(
  answer: UpstreamAnswer,
  transaction: Transaction,
  { policies, road: { timeouts } }: Way,
  { candidate, keys: { isCallers } }: Prepared,
): Promise<Looked> {
  const left = Math.max(leftMs(transaction, policies), 0);
  return look(answer, candidate.backend, transaction, {
    openingMs: Math.min(timeouts.openingMs, left),
    errorBodyMs: Math.min(timeouts.errorBodyMs, left),
    isCallers,
  });
}

/** Undefined: there is one backend and one key. */
function pinning({ candidate, keys }: Prepared, { candidates }: Way): ((responseId: string) => void) | undefined {
  const { definition } = candidate.backend;
  if (candidates.areSeveral) {
    return (responseId) => {
      keys.pin(responseId);
      candidate.pin(responseId);
    };
  }
  return definition.credential?.choosesByBody === true ? (responseId) => keys.pin(responseId) : undefined;
}

/** Milliseconds for which the provider says that nothing remains. Most answers say that much does: they are not read. */
function exhausted(headers: HeaderList): number | undefined {
  const isSaid = headers.some((name, value) => value === "0" && name.includes("remaining"));
  return isSaid ? readRateLimits(headers, Date.now()).exhaustedMs : undefined;
}
