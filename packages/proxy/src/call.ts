/** What an LLM call is to each backend that may serve it, and its body where something in it must be read or written. */
import type { BodyEdit, Call, HeaderList } from "@keybearer/providers";
import type { Backend, CompiledAi } from "./backend.ts";
import { editBody, readDecoded } from "./body.ts";
import { BodyReserve } from "./body-reserve.ts";
import type { ByteBudget } from "./byte-budget.ts";
import { ProxyError } from "./errors.ts";
import type { Exchange, Timeout } from "./exchange.ts";
import type { RequestCredentials } from "./request-facts.ts";
import type { Transaction } from "./transaction.ts";

/** A call, as one backend takes it. */
interface Plan {
  readonly backend: Backend;
  readonly ai: CompiledAi;
  readonly call: Call;
  readonly edit: BodyEdit;
  readonly writesBody: boolean;
}

export class Calls {
  readonly #transaction: Transaction;
  readonly #credentials: RequestCredentials;
  readonly #plans: Plan[] = [];
  #received: Uint8Array | undefined;
  #prepared: Backend | undefined;
  /** Something in the body must be known or written before a backend gets it. */
  readonly needBody: boolean;

  /** Throws ProxyError: 404. */
  constructor(transaction: Transaction, backends: readonly Backend[], path: string, credentials: RequestCredentials) {
    this.#transaction = transaction;
    this.#credentials = credentials;
    for (const backend of backends) {
      if (backend.ai) this.#plans.push(planOf(transaction, backend, backend.ai, path));
    }
    this.needBody =
      transaction.exchange.hasBody && this.#plans.some((plan) => plan.writesBody || this.#choosesBy(plan));
  }

  /** An LLM call, at least to one of the backends. */
  get areSome(): boolean {
    return this.#plans.length > 0;
  }

  /** Throws ProxyError: 413, 415, 503, 504. `timeout`: for the body to arrive. Undefined: it was there. */
  read(budget: ByteBudget, timeout: Timeout | undefined): Promise<void> | undefined {
    const { exchange, headers, limits } = this.#transaction;
    const reserve = new BodyReserve(budget);
    this.#transaction.reserve = reserve;
    const body = readDecoded(exchange, headers, { limitBytes: limits.bufferBytes, timeout, reserve });
    if (body instanceof Promise) return body.then((bytes) => this.#receive(bytes));
    this.#receive(body);
    return undefined;
  }

  #receive(body: Uint8Array): void {
    this.#received = body;
    if (this.#plans.some((plan) => this.#choosesBy(plan))) this.#credentials.body = body;
  }

  /** Which backend or key serves hangs on the body. */
  #choosesBy({ call, ai }: Plan): boolean {
    return call.takesModel && (this.#plans.length > 1 || ai.definition.credential?.choosesByBody === true);
  }

  /** The call as this backend is to get it. Throws ProxyError: 400. */
  prepare(backend: Backend): void {
    if (this.#prepared === backend) return;
    this.#prepared = backend;
    for (const plan of this.#plans) if (plan.backend === backend) this.#prepare(plan);
  }

  #prepare({ call, edit, ai }: Plan): void {
    const { dialect, system } = ai.provider;
    const transaction = this.#transaction;
    transaction.call = call;
    transaction.dialect = dialect;
    transaction.system = system;
    if (!this.#received) return;
    transaction.body = editBody(this.#received, transaction.headers, dialect, edit);
    // Nobody else is to have it made ready for him.
    if (this.#plans.length === 1) this.#received = undefined;
    transaction.configuredModel = edit.model;
    this.#credentials.model = edit.model ?? transaction.body.requestedModel;
  }
}

function planOf({ exchange, headers }: Transaction, backend: Backend, ai: CompiledAi, path: string): Plan {
  const call = classify(ai, exchange, headers, path);
  if (!call)
    throw new ProxyError(
      "path_not_supported",
      "This path is not one of the provider's inference calls; ai.routes can open it.",
    );
  const { model, includeUsage } = ai.definition;
  const edit = { model: call.takesModel ? model : undefined, includeUsage: includeUsage && call.streamsUsageOnRequest };
  return { backend, ai, call, edit, writesBody: edit.model !== undefined || edit.includeUsage };
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
