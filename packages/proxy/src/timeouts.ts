/** How long the steps of a request may take. */
import type { RoutePolicies } from "./definition.ts";
import { ProxyError } from "./errors.ts";
import type { Timeout } from "./exchange.ts";
import type { Transaction } from "./transaction.ts";

/** How long a request waits for the sake of another attempt, in milliseconds. */
export interface HealingTimeouts {
  /** In all, for the sources of refused keys to tell newer versions. */
  readonly renewMs: number;
  /** For a stream's first content, which is held back until it has come. */
  readonly openingMs: number;
  /** For the body of an error. */
  readonly errorBodyMs: number;
}

export const healingTimeouts: HealingTimeouts = { renewMs: 5_000, openingMs: 2_000, errorBodyMs: 5_000 };

/** What is left of the request's own time; negative when it has passed. */
export function leftMs(transaction: Transaction, { timeout }: RoutePolicies): number {
  return (timeout?.requestTimeoutMs ?? Infinity) - transaction.elapsedMs();
}

/** What is left of the request's own time. Throws ProxyError `request_timeout` when nothing is. */
export function timeLeft(transaction: Transaction, policies: RoutePolicies): Timeout | undefined {
  const requestTimeoutMs = policies.timeout?.requestTimeoutMs;
  if (requestTimeoutMs === undefined) return undefined;
  const error = new ProxyError("request_timeout", `The request was not answered within ${requestTimeoutMs} ms.`);
  const ms = leftMs(transaction, policies);
  if (ms <= 0) throw error;
  return { ms, error };
}

/** For the head of an answer: what is left of the whole, or what one attempt may take. */
export function attemptTimeout(transaction: Transaction, policies: RoutePolicies): Timeout | undefined {
  const left = timeLeft(transaction, policies);
  const ms = policies.timeout?.backendRequestTimeoutMs;
  if (ms === undefined || (left && left.ms < ms)) return left;
  return { ms, error: new ProxyError("upstream_timeout", `The provider did not answer within ${ms} ms.`) };
}

/** The promise, or a rejection with the timeout's error when it takes longer. */
export async function inTime<Value>(promise: Promise<Value>, timeout: Timeout | undefined): Promise<Value> {
  if (!timeout) return promise;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(timeout.error), timeout.ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
