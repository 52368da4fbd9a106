/** One request, socket to socket, in the order in which things happen. */
import { HeaderList, type Call } from "@keybearer/providers";
import type { Outcome } from "@keybearer/secrets";
import { answerError, answerWith } from "./answer.ts";
import type { Backend, CompiledAi } from "./backend.ts";
import { readAndEdit } from "./body.ts";
import { placeCredentials } from "./credential.ts";
import type { RoutePolicies } from "./definition.ts";
import { dispatch, type Attempt } from "./dispatch.ts";
import { ProxyError } from "./errors.ts";
import type { Exchange, Timeout } from "./exchange.ts";
import { checkFraming } from "./framing.ts";
import type { Observer } from "./observer.ts";
import { buildOutgoing } from "./outgoing.ts";
import { isPreflight } from "./policies/cors.ts";
import { rewritePath } from "./policies/url-rewrite.ts";
import { relay } from "./relay.ts";
import { RequestCredentials } from "./request-facts.ts";
import type { CompiledRoute, Snapshot } from "./snapshot.ts";
import { readTarget } from "./target.ts";
import { Transaction } from "./transaction.ts";

/** What stays the same from request to request. */
export interface Road {
  readonly observer: Observer;
  /** 0 to 1. */
  readonly random: () => number;
}

/** Never rejects: whatever goes wrong is answered, logged and over. */
export async function handle(exchange: Exchange, bind: string, snapshot: Snapshot, road: Road): Promise<void> {
  const transaction = new Transaction(exchange, bind, HeaderList.from(exchange.head.headers));
  try {
    await serve(transaction, snapshot, road);
  } catch (error) {
    answerFailure(transaction, error, road.observer);
  } finally {
    road.observer.finished(transaction.record());
  }
}

async function serve(transaction: Transaction, snapshot: Snapshot, road: Road): Promise<void> {
  checkFraming(transaction.exchange.head); // 400
  const target = readTarget(transaction.exchange.head); // 400
  transaction.target = target;
  const { route, prefix } = findRoute(transaction, snapshot); // 404
  const credentials = new RequestCredentials(transaction.headers, target.query);
  if (applyPolicies(transaction, route, credentials)) return; // 401 403, or answered
  const backend = chooseBackend(route, road.random); // 503
  const { policies } = route.definition;
  const path = rewritePath(policies.urlRewrite?.path, target.path, prefix);
  if (backend.ai) await prepareCall(transaction, backend.ai, path, credentials, policies); // 400 404 413 415 504
  await forward(transaction, route, backend, path, credentials, road); // 401 502 503 504
}

function findRoute(transaction: Transaction, snapshot: Snapshot): { route: CompiledRoute; prefix: string | undefined } {
  const { exchange, target, bind } = transaction;
  const found = target && snapshot.binds.get(bind)?.find(exchange.head, target);
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
    answerWith(transaction, status, extra.flat(), body);
    return true;
  }
  return false;
}

/** By weight; a backend of weight 0 gets nothing. */
function chooseBackend({ backends, totalWeight }: CompiledRoute, random: () => number): Backend {
  let place = random() * totalWeight;
  for (const backend of backends) {
    place -= backend.definition.weight;
    if (place < 0) return backend;
  }
  throw new ProxyError("no_backend", "The route has no backend that takes requests.");
}

/** What an LLM call is, and its body where something in it must be read or written. */
async function prepareCall(
  transaction: Transaction,
  ai: CompiledAi,
  path: string,
  credentials: RequestCredentials,
  policies: RoutePolicies,
): Promise<void> {
  const { exchange, headers } = transaction;
  const { dialect, system } = ai.provider;
  transaction.dialect = dialect;
  transaction.system = system;
  const call = classify(ai, exchange, headers, path);
  if (!call)
    throw new ProxyError(
      "path_not_supported",
      "This path is not one of the provider's inference calls; ai.routes can open it.",
    );
  transaction.call = call;
  const { model, includeUsage } = ai.definition;
  const edit = { model: call.takesModel ? model : undefined, includeUsage: includeUsage && call.streamsUsageOnRequest };
  if (!exchange.hasBody || (edit.model === undefined && !edit.includeUsage)) return;
  transaction.body = await readAndEdit(exchange, headers, dialect, edit, timeLeft(transaction, policies));
  transaction.configuredModel = edit.model;
  credentials.model = edit.model ?? transaction.body.requestedModel;
}

function classify(
  { provider, routes, otherwise }: CompiledAi,
  exchange: Exchange,
  headers: HeaderList,
  path: string,
): Call | undefined {
  const { dialect } = provider;
  const { method } = exchange.head;
  const type = routes.find(([suffix]) => path.endsWith(suffix))?.[1] ?? otherwise;
  if (type !== undefined) return dialect.callOfType(type, method, path);
  return dialect.classify(method, path, exchange.hasBody && mayBeJson(headers.get("content-type")));
}

/** curl calls what `-d` sends a form; nobody sends a form to an LLM. */
function mayBeJson(contentType: string | undefined): boolean {
  return (
    contentType === undefined ||
    contentType.includes("json") ||
    contentType.startsWith("application/x-www-form-urlencoded")
  );
}

async function forward(
  transaction: Transaction,
  route: CompiledRoute,
  backend: Backend,
  path: string,
  credentials: RequestCredentials,
  { observer }: Road,
): Promise<void> {
  const { exchange, body } = transaction;
  const { policies } = route.definition;
  transaction.backend = backend.definition.name;
  transaction.endpoint = backend.origin.endpoint;
  const outgoing = buildOutgoing(transaction, backend, policies, path);
  const keys = placeCredentials(backend, credentials, outgoing);
  let outcome: Outcome = { kind: "failed" };
  let attempt: Attempt | undefined;
  try {
    transaction.key = keys.facts;
    if (observer.debugEnabled)
      observer.debug("upstream request", {
        id: transaction.requestId,
        endpoint: transaction.endpoint,
        key: keys.facts,
      });
    attempt = dispatch(backend.dispatcher, {
      method: exchange.head.method,
      path: outgoing.path + outgoing.query,
      headers: outgoing.headers.toFlat(),
      body: body?.bytes ?? (exchange.hasBody ? exchange.body() : null),
      timeout: attemptTimeout(transaction, policies),
    });
    abortWhenClientLeaves(exchange, attempt);
    const answer = await attempt.answer;
    outcome = { kind: "answered", status: answer.status };
    await relay(answer, backend, transaction);
  } catch (error) {
    const failure = asProxyError(error, transaction, observer);
    // Nothing for the upstream to finish: where the fault is ours or the client's, it may still be at it.
    attempt?.abort(failure);
    if (failure.code === "client_closed" && outcome.kind === "failed") outcome = { kind: "abandoned" };
    throw failure;
  } finally {
    keys.release(outcome);
  }
}

function abortWhenClientLeaves(exchange: Exchange, attempt: Attempt): void {
  exchange.onClientGone(() => attempt.abort(new ProxyError("client_closed", "The client closed the connection.")));
}

/** For the head of the answer to come: what is left of the whole, or what one attempt may take. */
function attemptTimeout(transaction: Transaction, policies: RoutePolicies): Timeout | undefined {
  const left = timeLeft(transaction, policies);
  const ms = policies.timeout?.backendRequestTimeoutMs;
  if (ms === undefined || (left && left.ms < ms)) return left;
  return { ms, error: new ProxyError("upstream_timeout", `The provider did not answer within ${ms} ms.`) };
}

/** Throws ProxyError `request_timeout` when nothing is left. */
function timeLeft(transaction: Transaction, { timeout }: RoutePolicies): Timeout | undefined {
  if (timeout?.requestTimeoutMs === undefined) return undefined;
  const { requestTimeoutMs } = timeout;
  const error = new ProxyError("request_timeout", `The request was not answered within ${requestTimeoutMs} ms.`);
  const ms = requestTimeoutMs - transaction.elapsedMs();
  if (ms <= 0) throw error;
  return { ms, error };
}

/** The last resort: a fault while the error is answered breaks the connection and nothing else. */
function answerFailure(transaction: Transaction, error: unknown, observer: Observer): void {
  try {
    answerError(transaction, asProxyError(error, transaction, observer));
  } catch (fault) {
    observer.fault(fault, transaction.requestId);
    transaction.exchange.cut();
  }
}

function asProxyError(error: unknown, { requestId }: Transaction, observer: Observer): ProxyError {
  if (ProxyError.is(error)) return error;
  observer.fault(error, requestId);
  return new ProxyError("internal_error", "Something went wrong inside the gateway.", { cause: error });
}
