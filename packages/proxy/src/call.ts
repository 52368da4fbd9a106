/** What an LLM call is, and its body where something in it must be read or written. */
import type { Call, HeaderList } from "@keybearer/providers";
import type { CompiledAi } from "./backend.ts";
import { readAndEdit } from "./body.ts";
import { ProxyError } from "./errors.ts";
import type { Exchange, Timeout } from "./exchange.ts";
import type { RequestCredentials } from "./request-facts.ts";
import type { Transaction } from "./transaction.ts";

/** Throws ProxyError: 400, 404, 413, 415. `timeout`: for the body to arrive. */
export async function prepareCall(
  transaction: Transaction,
  ai: CompiledAi,
  path: string,
  credentials: RequestCredentials,
  timeout: () => Timeout | undefined,
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
  const { model, includeUsage, credential } = ai.definition;
  const edit = { model: call.takesModel ? model : undefined, includeUsage: includeUsage && call.streamsUsageOnRequest };
  const choosesByBody = call.takesModel && credential?.choosesByBody === true;
  if (!exchange.hasBody || (edit.model === undefined && !edit.includeUsage && !choosesByBody)) return;
  transaction.body = await readAndEdit(exchange, headers, dialect, edit, timeout());
  transaction.configuredModel = edit.model;
  credentials.model = edit.model ?? transaction.body.requestedModel;
  if (choosesByBody) credentials.body = transaction.body.bytes;
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
