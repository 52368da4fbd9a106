/** The middle of the road: a backend, a key, an attempt; and another of either where the first will not serve. */
import { gentlestEnd, KeyringError } from "@keybearer/keyring";
import { answerRefusal } from "./answer-refusal.ts";
import { attempt, type Prepared, type Way } from "./attempt.ts";
import type { Candidate } from "./candidates.ts";
import { concludeKeyring, concludeRefusal, passedOver } from "./conclusion.ts";
import { placeCredentials } from "./credential.ts";
import { ProxyError } from "./errors.ts";
import { buildOutgoing } from "./outgoing.ts";
import { Patience } from "./patience.ts";
import { concernsKey, concernsVersion, isTurnedAway, type Refusal } from "./refusal.ts";
import { requestBody, type RequestBody } from "./replay.ts";
import type { Transaction } from "./transaction.ts";
import { Tried } from "./tried.ts";

/** What a request has learnt from its attempts so far. */
interface Course {
  readonly tried: Tried;
  readonly patience: Patience;
  /** The last refusal, and whose. */
  refused: { readonly refusal: Refusal; readonly prepared: Prepared } | undefined;
  /** Of a backend that could not be reached. */
  unreached: ProxyError | undefined;
  /** Why keyrings gave no key, since all were asked for newer versions. */
  keyless: KeyringError[];
  /** A source that has just said that it knows nothing newer is not asked again. */
  mayAsk: boolean;
}

/** Throws ProxyError: 400 401 404 429 502 503 504. */
export async function forward(transaction: Transaction, way: Way): Promise<void> {
  const course: Course = {
    tried: new Tried(),
    patience: new Patience(transaction, way),
    refused: undefined,
    unreached: undefined,
    keyless: [],
    mayAsk: true,
  };
  const first = await prepare(transaction, way, course);
  if (!first) throw course.unreached ?? new ProxyError("no_backend", "The route has no backend that takes requests.");
  const body = requestBody(transaction, way.candidates.areWorthAnother, way.replayBudget);
  try {
    if (await isServed(transaction, way, body, course, first)) return;
    end(transaction, course);
  } finally {
    body.close();
  }
}

/** The last refusal is the answer, or what it comes to. */
function end(transaction: Transaction, { refused, unreached, tried }: Course): void {
  if (!refused) throw unreached ?? new ProxyError("no_backend", "No backend takes this request.");
  const { refusal, prepared } = refused;
  const { backend } = prepared.candidate;
  const error = prepared.keys.facts && concludeRefusal(refusal, backend);
  if (error) throw error;
  answerRefusal(refusal, backend, transaction, tried.versions);
}

/** False: there is no other way left. */
async function isServed(
  transaction: Transaction,
  way: Way,
  body: RequestBody,
  course: Course,
  first: Prepared,
): Promise<boolean> {
  for (let prepared: Prepared | undefined = first; prepared; prepared = await prepare(transaction, way, course)) {
    const { candidate, keys } = prepared;
    try {
      const refusal = await attempt(transaction, way, body, prepared);
      if (!refusal) return true;
      course.refused = { refusal, prepared };
      noteRefusal(transaction, prepared, refusal);
      if (!body.canBeSentAgain) return false;
      if (isTurnedAway(refusal) || (!keys.facts && concernsKey(refusal))) way.candidates.drop(candidate.backend);
      else if (!concernsKey(refusal)) return false;
      const renewing = concernsVersion(refusal) ? keys.renew() : undefined;
      if (renewing) course.mayAsk = await course.patience.wait(renewing);
    } catch (error) {
      if (!ProxyError.is(error) || !error.isUnsent || !way.candidates.areSeveral) throw error;
      noteUnreached(transaction, prepared, error);
      course.unreached = error;
      course.refused = undefined;
      way.candidates.drop(candidate.backend);
    }
  }
  return false;
}

/** The next backend, key, or version of one. Undefined: each that could serve was tried. Throws what their end comes to. */
async function prepare(transaction: Transaction, way: Way, course: Course): Promise<Prepared | undefined> {
  const { candidates } = way;
  for (;;) {
    const candidate = candidates.take();
    if (candidate) {
      const prepared = prepareFor(candidate, transaction, way, course);
      if (prepared) return prepared;
      candidate.release({ kind: "abandoned" });
      candidates.drop(candidate.backend);
    } else {
      const error = gentlestEnd(course.keyless);
      if (!error) return undefined;
      // Refused in another's request, whose wait for a newer version this one shares; keys may rotate faster than we ask.
      const renewing = course.mayAsk ? error.renew?.() : undefined;
      if (!renewing || !(await course.patience.wait(renewing))) return endOfKeys(error, transaction, way, course);
      course.keyless = [];
      candidates.reopen();
    }
  }
}

/** Undefined: it has no key to give. */
function prepareFor(
  candidate: Candidate,
  transaction: Transaction,
  { calls, credentials, policies, path }: Way,
  { tried, keyless }: Course,
): Prepared | undefined {
  const { backend } = candidate;
  transaction.backend = backend.definition.name;
  transaction.endpoint = backend.origin.endpoint;
  try {
    calls.prepare(backend);
    for (;;) {
      const outgoing = buildOutgoing(transaction, backend, policies, path);
      const keys = placeCredentials(backend, credentials, outgoing, tried.names);
      if (tried.add(keys)) return { candidate, outgoing, keys };
      keys.release({ kind: "abandoned" });
      if (!tried.giveUp(keys)) return undefined;
    }
  } catch (error) {
    if (KeyringError.is(error)) keyless.push(error);
    else {
      candidate.release({ kind: "abandoned" });
      throw error;
    }
    return undefined;
  }
}

/** Throws ProxyError; or the last refusal says more. */
function endOfKeys(error: KeyringError, transaction: Transaction, way: Way, { refused }: Course): undefined {
  transaction.attempts.push(...passedOver(error));
  const conclusion = concludeKeyring(error, refused !== undefined, !way.candidates.areSeveral);
  if (conclusion) throw conclusion;
}

function noteUnreached(transaction: Transaction, { keys: { facts } }: Prepared, { code }: ProxyError): void {
  transaction.attempts.push({ key: facts?.name ?? "", outcome: "network", rule: code, status: 0, waitMs: undefined });
}

function noteRefusal(transaction: Transaction, { keys: { facts } }: Prepared, { failure, status }: Refusal): void {
  const { class: outcome, rule, waitMs } = failure;
  transaction.attempts.push({ key: facts?.name ?? "", outcome, rule, status, waitMs });
}
