/** An answer that Keybearer gives itself: errors in the client's dialect, direct responses, preflights. */
import type { ErrorFacts } from "@keybearer/providers";
import { plainErrorBody } from "./error-body.ts";
import type { ProxyError, ProxyErrorCode } from "./errors.ts";
import type { Transaction } from "./transaction.ts";
import { isWorthReading } from "./unread-body.ts";

const FINAL: ReadonlySet<ProxyErrorCode> = new Set(["upstream_credentials_rejected", "upstream_out_of_credit"]);

/** Sends a short answer, complete. */
export function answerWith(transaction: Transaction, status: number, headers: readonly string[], body: string): void {
  const { exchange, requestId, answerHeaders } = transaction;
  transaction.status = status;
  const bytes = Buffer.from(body);
  const head = ["x-request-id", requestId, ...answerHeaders, ...headers];
  if (status !== 204 && status !== 304) head.push("content-length", String(bytes.length));
  exchange.sendHead(status, head);
  if (bytes.length > 0 && exchange.head.method !== "HEAD") exchange.write(bytes);
  exchange.end();
}

/** Ends a request with an error: an answer if none has begun, else a broken stream that nobody takes for whole. */
export function answerError(transaction: Transaction, error: ProxyError): void {
  transaction.fail(error);
  const { exchange } = transaction;
  if (error.code === "client_closed") {
    if (!exchange.headSent) transaction.status = error.status;
    exchange.cut();
    return;
  }
  if (exchange.headSent) {
    exchange.cut(lastWords(transaction, error));
    return;
  }
  const headers = ["content-type", "application/json"];
  if (error.retryAfterMs !== undefined) headers.push("retry-after", String(Math.ceil(error.retryAfterMs / 1000)));
  // The official clients would ask again, for what only an operator can mend.
  if (FINAL.has(error.code)) headers.push("x-should-retry", "false");
  if (error.status === 401) headers.push("www-authenticate", 'Bearer realm="keybearer"');
  if (error.endsConnection || leavesMuchUnread(transaction)) headers.push("connection", "close");
  answerWith(transaction, error.status, headers, errorBody(transaction, error));
}

/** In the client's dialect, or in the shape that most clients read where none is known. JSON. */
export function errorBody(transaction: Transaction, error: ErrorFacts): string {
  const facts = factsOf(error, transaction);
  return transaction.dialect?.errorBody(facts) ?? plainErrorBody(facts);
}

function lastWords(transaction: Transaction, error: ProxyError): Uint8Array | undefined {
  if (!transaction.streaming || !transaction.dialect) return undefined;
  const facts = factsOf(error, transaction);
  // Blank lines first: they end an event that broke off, and mean nothing where none did.
  return Buffer.from(`\n\n${transaction.dialect.streamError(facts, transaction.call?.operation)}`);
}

/** Whether what is left of the body is not worth reading for the sake of the connection. */
function leavesMuchUnread({ exchange, body, headers }: Transaction): boolean {
  if (!exchange.hasBody || body) return false;
  return !isWorthReading(headers.get("content-length"));
}

function factsOf({ status, code, message }: ErrorFacts, { requestId }: Transaction): ErrorFacts {
  return { status, code, message: `${message} (request id: ${requestId})` };
}
