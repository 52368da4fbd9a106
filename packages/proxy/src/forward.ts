/** The middle of the road: a backend, a key, an attempt; and another of either where the first will not serve. */
import { gentlestEnd, KeyringError } from "@keybearer/keyring";
import { answerRefusal } from "./answer-refusal.ts";
import { attempt, type Prepared, type Way } from "./attempt.ts";
import type { Candidate, Candidates } from "./candidates.ts";
import { concludeKeyring, concludeRefusal, passedOver } from "./conclusion.ts";
import { placeCredentials } from "./credential.ts";
import { ProxyError } from "./errors.ts";
import { buildOutgoing } from "./outgoing.ts";
import { Patience } from "./patience.ts";
import { concernsKey, concernsVersion, isTurnedAway } from "./refusal.ts";
import { requestBody } from "./replay.ts";
import { Retries, type AttemptFailure } from "./retries.ts";
import { inTime, timeLeft } from "./timeouts.ts";
import type { Transaction } from "./transaction.ts";
import { Tried } from "./tried.ts";

/** What a request has learnt from its attempts so far. */
interface Course {
  readonly tried: Tried;
  readonly patience: Patience;
  readonly retries: Retries;
  /** The last failure, and whose. */
  failed: { readonly failure: AttemptFailure; readonly prepared: Prepared } | undefined;
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
    retries: new Retries(transaction, way),
    failed: undefined,
    keyless: [],
    mayAsk: true,
  };
  const isWorthKeeping = way.candidates.areWorthAnother || way.policies.retry !== undefined;
  const body = requestBody(transaction, way.road.replayBudget, { isRead: way.calls.needBody, isWorthKeeping });
  try {
    // Of other requests pieces may be answers to what has come of the answer.
    const arriving = way.calls.areSome ? body.arrive() : undefined;
    if (arriving) await inTime(arriving, timeLeft(transaction, way.policies));
    let prepared = next(transaction, way, course) ?? (await nextAfterAll(transaction, way, course));
    if (!prepared) throw new ProxyError("no_backend", "The route has no backend that takes requests.");
    while (prepared) {
      const failure = await attempt(transaction, way, body, prepared, course.retries);
      if (!failure) return;
      course.failed = { failure, prepared };
      if (!ProxyError.is(failure)) note(transaction, prepared, failure);
      if (!body.canBeSentAgain || !(await goesOn(failure, prepared, way, course))) break;
      if (ProxyError.is(failure)) note(transaction, prepared, failure);
      prepared = next(transaction, way, course) ?? (await nextAfterAll(transaction, way, course));
    }
    end(transaction, course);
  } finally {
    body.close();
  }
}

/** The last failure is the answer, or what it comes to. */
function end(transaction: Transaction, { failed, tried }: Course): void {
  if (!failed) throw new ProxyError("no_backend", "No backend takes this request.");
  const { failure, prepared } = failed;
  if (ProxyError.is(failure)) throw failure;
  const { backend } = prepared.candidate;
  const error = prepared.keys.facts && concludeRefusal(failure, backend);
  if (error) throw error;
  answerRefusal(failure, backend, transaction, tried.versions);
}

/** True: another attempt may follow, if there is a backend and a key for it. Throws ProxyError when nobody waits for it. */
async function goesOn(failure: AttemptFailure, prepared: Prepared, way: Way, course: Course): Promise<boolean> {
  const { keys, candidate } = prepared;
  if (leadsElsewhere(failure, prepared, way.candidates)) {
    way.candidates.drop(candidate.backend);
  } else if (ProxyError.is(failure) || !concernsKey(failure)) {
    if (!(await course.retries.follow(failure))) return false;
    way.candidates.passOver(candidate.backend);
    course.tried.forgive(keys);
  }
  const renewing = !ProxyError.is(failure) && concernsVersion(failure) ? keys.renew() : undefined;
  if (renewing) course.mayAsk = await course.patience.wait(renewing);
  return true;
}

/** Whether this backend will not take the request, has not begun it, and another may. */
function leadsElsewhere(failure: AttemptFailure, { keys }: Prepared, { areSeveral }: Candidates): boolean {
  if (ProxyError.is(failure)) return failure.isUnsent && areSeveral;
  return isTurnedAway(failure) || (!keys.facts && concernsKey(failure));
}

/** The next backend, key, or version of one. Undefined: each that could serve was tried. */
function next(transaction: Transaction, way: Way, course: Course): Prepared | undefined {
  const { candidates } = way;
  for (let candidate = candidates.take(); candidate; candidate = candidates.take()) {
    const prepared = prepareFor(candidate, transaction, way, course);
    if (prepared) return prepared;
    candidate.release({ kind: "abandoned" });
    candidates.drop(candidate.backend);
  }
  return undefined;
}

/** Once each was tried: the first that has a newer version, or may be tried once more. Throws what their end comes to. */
async function nextAfterAll(transaction: Transaction, way: Way, course: Course): Promise<Prepared | undefined> {
  for (;;) {
    const error = gentlestEnd(course.keyless);
    // Refused in another's request, whose wait for a newer version this one shares; keys may rotate faster than we ask.
    const renewing = course.mayAsk ? error?.renew?.() : undefined;
    const isRenewed = renewing !== undefined && (await course.patience.wait(renewing));
    if (!isRenewed && !(await mayStartOver(course, error))) return error && endOfKeys(error, transaction, way, course);
    course.keyless = [];
    way.candidates.reopen();
    const prepared = next(transaction, way, course);
    if (prepared) return prepared;
  }
}

/** Each backend and each key has failed this request; a policy may let it have them once more. */
async function mayStartOver({ failed, retries, tried }: Course, error: KeyringError | undefined): Promise<boolean> {
  if (!failed || !(await retries.follow(failed.failure, error?.retryAfterMs))) return false;
  tried.forgiveAll();
  return true;
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
      if (transaction.retries > 0) outgoing.headers.set("x-retry-attempt", String(transaction.retries));
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
function endOfKeys(error: KeyringError, transaction: Transaction, way: Way, { failed }: Course): undefined {
  transaction.attempts.push(...passedOver(error));
  const wasRefused = failed !== undefined && !ProxyError.is(failed.failure);
  const conclusion = concludeKeyring(error, wasRefused, !way.candidates.areSeveral);
  if (conclusion) throw conclusion;
}

function note(transaction: Transaction, { keys: { facts } }: Prepared, failure: AttemptFailure): void {
  const key = facts?.name ?? "";
  if (ProxyError.is(failure)) {
    transaction.attempts.push({ key, outcome: "network", rule: failure.code, status: 0, waitMs: undefined });
    return;
  }
  const { class: outcome, rule, waitMs } = failure.failure;
  transaction.attempts.push({ key, outcome, rule, status: failure.status, waitMs });
}
