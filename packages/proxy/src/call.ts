/** What an LLM call is to each backend that may serve it, and its body where something in it must be read or written. */
import type { BodyEdit, Call, HeaderList } from "@keybearer/providers";
import type { Backend, CompiledAi } from "./backend.ts";
import { editBody, readDecoded } from "./body.ts";
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
}

export class Calls {
  readonly #transaction: Transaction;
  readonly #credentials: RequestCredentials;
  readonly #plans: readonly Plan[];
  /** Undefined: no backend needs to know it. */
  #received: Uint8Array | undefined;
  #prepared: Backend | undefined;

  /** Throws ProxyError: 404, 413, 415, 504. `timeout`: for the body to arrive. */
  static async read(
    transaction: Transaction,
    backends: readonly Backend[],
    path: string,
    credentials: RequestCredentials,
    timeout: () => Timeout | undefined,
  ): Promise<Calls> {
    const plans = backends.flatMap((backend) => (backend.ai ? planOf(transaction, backend, backend.ai, path) : []));
    const calls = new Calls(transaction, credentials, plans);
    const { exchange, headers } = transaction;
    const areSeveral = plans.length > 1;
    if (!exchange.hasBody || !plans.some((plan) => readsBody(plan, areSeveral))) return calls;
    calls.#received = await readDecoded(exchange, headers, transaction.limits.bufferBytes, timeout());
    if (plans.some(({ call, ai }) => call.takesModel && (areSeveral || choosesByBody(ai)))) {
      credentials.body = calls.#received;
    }
    return calls;
  }

  private constructor(transaction: Transaction, credentials: RequestCredentials, plans: readonly Plan[]) {
    this.#transaction = transaction;
    this.#credentials = credentials;
    this.#plans = plans;
  }

  /** The call as this backend is to get it. Throws ProxyError: 400. */
  prepare(backend: Backend): void {
    if (this.#prepared === backend) return;
    this.#prepared = backend;
    const plan = this.#plans.find((each) => each.backend === backend);
    if (!plan) return;
    const { call, edit, ai } = plan;
    const { dialect, system } = ai.provider;
    const transaction = this.#transaction;
    transaction.call = call;
    transaction.dialect = dialect;
    transaction.system = system;
    if (!this.#received) return;
    transaction.body = editBody(this.#received, transaction.headers, dialect, edit);
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
  return { backend, ai, call, edit };
}

function readsBody({ call, edit, ai }: Plan, areSeveral: boolean): boolean {
  return edit.model !== undefined || edit.includeUsage || (call.takesModel && (areSeveral || choosesByBody(ai)));
}

function choosesByBody({ definition }: CompiledAi): boolean {
  return definition.credential?.choosesByBody === true;
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
