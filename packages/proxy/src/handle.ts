/** One request, socket to socket, in the order in which things happen. */
import { HeaderList } from "@keybearer/providers";
import { answerError, answerWith } from "./answer.ts";
import type { Way } from "./attempt.ts";
import type { ByteBudget } from "./byte-budget.ts";
import { Calls } from "./call.ts";
import { Candidates, type BackendChoice } from "./candidates.ts";
import { asProxyError, ProxyError } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { forward } from "./forward.ts";
import { checkFraming } from "./framing.ts";
import { limitOf } from "./limits.ts";
import type { Observer } from "./observer.ts";
import { isPreflight } from "./policies/cors.ts";
import { mayPassOn } from "./policies/max-forwards.ts";
import { rewritePath } from "./policies/url-rewrite.ts";
import { RequestCredentials } from "./request-facts.ts";
import type { CompiledRoute, Snapshot } from "./snapshot.ts";
import { readTarget } from "./target.ts";
import { timeLeft, type HealingTimeouts } from "./timeouts.ts";
import { Transaction } from "./transaction.ts";

/** What stays the same from request to request. */
export interface Road {
  readonly observer: Observer;
  /** 0 to 1. */
  readonly random: () => number;
  /** For bodies that are kept to be sent again. */
  readonly replayBudget: ByteBudget;
  /** For bodies that are read whole. */
  readonly bodyBudget: ByteBudget;
  readonly timeouts: HealingTimeouts;
}

/** Never rejects: whatever goes wrong is answered, logged and over. */
export async function handle(exchange: Exchange, bind: string, snapshot: Snapshot, road: Road): Promise<void> {
  const transaction = new Transaction(exchange, bind, snapshot.limits, HeaderList.from(exchange.head.headers));
  try {
    const way = enter(transaction, snapshot, road); // 400 401 403 404 405 413 414 417 421 501 503 505
    if (way) {
      const reading = way.calls.needBody
        ? way.calls.read(road.bodyBudget, timeLeft(transaction, way.policies))
        : undefined; // 413 415 503 504
      if (reading) await reading;
      await forward(transaction, way); // 400 401 404 429 502 503 504
    }
  } catch (error) {
    answerFailure(transaction, error, road.observer);
  } finally {
    transaction.reserve?.release();
    road.observer.finished(transaction.record());
  }
}

/** Nothing of it waits for anything. Undefined: the request has its answer. */
function enter(transaction: Transaction, snapshot: Snapshot, road: Road): Way | undefined {
  checkFraming(transaction.exchange.head, transaction.limits); // 400 413 414
  const target = readTarget(transaction.exchange.head); // 400
  transaction.target = target;
  const { route, prefix } = findRoute(transaction, snapshot); // 404
  const { exchange, headers } = transaction;
  const credentials = new RequestCredentials(headers, target.query, exchange.clientAddress);
  if (applyPolicies(transaction, route, credentials)) return undefined; // 401 403, or answered
  const choice = chooseBackend(route, road.random); // 503
  const { policies } = route.definition;
  const path = rewritePath(policies.urlRewrite?.path, target.path, prefix);
  const calls = new Calls(transaction, choice.backends, path, credentials); // 404
  return { road, candidates: new Candidates(choice, credentials), calls, policies, path, credentials };
}

function findRoute(transaction: Transaction, snapshot: Snapshot): { route: CompiledRoute; prefix: string | undefined } {
  const { exchange, target, bind } = transaction;
  const found = target && snapshot.binds.get(bind)?.find(exchange, target); // 421
  transaction.listener = found?.listener;
  if (!found?.matched) throw new ProxyError("route_not_found", "No route matches this host, path and method.");
  transaction.route = found.matched.route.definition.name;
  return found.matched;
}

/** True: the request has its answer. */
function applyPolicies(transaction: Transaction, route: CompiledRoute, credentials: RequestCredentials): boolean {
  const { headers, exchange } = transaction;
  const { policies } = route.definition;
  const origin = headers.get("origin");
  transaction.ownsCors = route.cors !== undefined;
  if (origin !== undefined) {
    if (isPreflight(exchange.head.method, headers) && route.cors) {
      answerWith(transaction, 204, route.cors.preflight(origin) ?? [], "");
      return true;
    }
    const allowed = route.cors?.allow(origin);
    if (allowed) transaction.answerHeaders = allowed;
    else if (policies.refuseCrossSite) {
      throw new ProxyError(
        "cross_site_refused",
        "This route serves no web page of that origin: no cors policy allows it.",
      );
    }
  }
  transaction.caller = route.clientKeys?.check(credentials);
  if (policies.directResponse) {
    const { status, body, headers: extra } = policies.directResponse;
    transaction.reason = "DirectResponse";
    const named = extra.flatMap(([name, value]) => [name.toLowerCase(), value]);
    answerWith(transaction, status, named, body);
    return true;
  }
  if (mayPassOn(exchange.head.method, headers)) return false;
  answerWith(transaction, 204, [], "");
  return true;
}

/** By weight; a backend of weight 0 gets nothing. */
function chooseBackend({ backends, totalWeight }: CompiledRoute, random: () => number): BackendChoice {
  let place = random() * totalWeight;
  for (const choice of backends) {
    place -= choice.weight;
    if (place < 0) return choice;
  }
  throw new ProxyError("no_backend", "The route has no backend that takes requests.");
}

/** The last resort: a fault while the error is answered breaks the connection and nothing else. */
function answerFailure(transaction: Transaction, error: unknown, observer: Observer): void {
  try {
    const failure = asProxyError(error, transaction.requestId, observer);
    const limit = limitOf(failure.code);
    if (limit) observer.limited(limit);
    answerError(transaction, failure);
  } catch (fault) {
    observer.fault(fault, transaction.requestId);
    transaction.exchange.cut();
  }
}
