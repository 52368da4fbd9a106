/** The middle of the road: a key, an attempt, and another with another key where the provider refuses the first. */
import { KeyringError } from "@keybearer/keyring";
import type { OutgoingRequest } from "@keybearer/providers";
import { answerRefusal } from "./answer-refusal.ts";
import { attempt, type Prepared, type Way } from "./attempt.ts";
import { concludeKeyring, concludeRefusal, passedOver } from "./conclusion.ts";
import { placeCredentials, type PlacedKeys } from "./credential.ts";
import { buildOutgoing } from "./outgoing.ts";
import { Patience } from "./patience.ts";
import { concernsKey, concernsVersion, type Refusal } from "./refusal.ts";
import { requestBody, type RequestBody } from "./replay.ts";
import type { Transaction } from "./transaction.ts";
import { Tried } from "./tried.ts";

/** What a request has learnt from its attempts so far. */
interface Course {
  readonly tried: Tried;
  readonly patience: Patience;
  refusal: Refusal | undefined;
  /** A source that has just said that it knows nothing newer is not asked again. */
  mayAsk: boolean;
}

/** Throws ProxyError: 401 404 429 502 503 504. */
export async function forward(transaction: Transaction, way: Way): Promise<void> {
  transaction.backend = way.backend.definition.name;
  transaction.endpoint = way.backend.origin.endpoint;
  const body = requestBody(transaction, way.backend, way.replayBudget);
  const course: Course = {
    tried: new Tried(),
    patience: new Patience(transaction, way),
    refusal: undefined,
    mayAsk: true,
  };
  try {
    if (await isServed(transaction, way, body, course)) return;
    const { refusal, tried } = course;
    const error = refusal && concludeRefusal(refusal, way.backend);
    if (error) throw error;
    if (refusal) answerRefusal(refusal, way.backend, transaction, tried.versions);
  } finally {
    body.close();
  }
}

/** False: the last refusal is the answer. */
async function isServed(transaction: Transaction, way: Way, body: RequestBody, course: Course): Promise<boolean> {
  for (;;) {
    const prepared = await prepare(transaction, way, course);
    if (!prepared) return false;
    const refusal = await attempt(transaction, way, body, prepared);
    if (!refusal) return true;
    course.refusal = refusal;
    noteRefusal(transaction, prepared.keys, refusal);
    if (!concernsKey(refusal) || !body.canBeSentAgain) return false;
    const renewing = concernsVersion(refusal) ? prepared.keys.renew() : undefined;
    if (renewing) course.mayAsk = await course.patience.wait(renewing);
  }
}

/** The next key, or version of one. Undefined: each that could serve was tried. */
async function prepare(transaction: Transaction, way: Way, course: Course): Promise<Prepared | undefined> {
  const { tried } = course;
  for (;;) {
    const outgoing = buildOutgoing(transaction, way.backend, way.policies, way.path);
    const keys = await place(transaction, way, outgoing, course);
    if (!keys) return undefined;
    if (tried.add(keys)) return { outgoing, keys };
    keys.release({ kind: "abandoned" });
    if (!tried.giveUp(keys)) return undefined;
  }
}

async function place(
  transaction: Transaction,
  { backend, credentials }: Way,
  outgoing: OutgoingRequest,
  { tried, patience, refusal, mayAsk }: Course,
): Promise<PlacedKeys | undefined> {
  for (;;) {
    try {
      return placeCredentials(backend, credentials, outgoing, tried.names);
    } catch (error) {
      if (!KeyringError.is(error)) throw error;
      // Refused in another's request, whose wait for a newer version this one shares; keys may rotate faster than we ask.
      const renewing = mayAsk ? error.renew?.() : undefined;
      if (renewing && (await patience.wait(renewing))) continue;
      transaction.attempts.push(...passedOver(error));
      const conclusion = concludeKeyring(error, refusal);
      if (conclusion) throw conclusion;
      return undefined;
    }
  }
}

function noteRefusal(transaction: Transaction, { facts }: PlacedKeys, { failure, status }: Refusal): void {
  const { class: outcome, rule, waitMs } = failure;
  transaction.attempts.push({ key: facts?.name ?? "", outcome, rule, status, waitMs });
}
