/** One call on a connection, and what becomes of it. */
import { inspect } from "node:util";
import type { Client } from "undici";
import type { Call } from "./calls.ts";
import type { Ledger, Outcome } from "./ledger.ts";

/** Waits without an end are failures; undici's word for none at all is 0. */
export const PATIENCE = { headersTimeout: 20_000, bodyTimeout: 20_000 };

export interface SendOptions {
  /** The connection ends with it. */
  readonly isLast?: boolean;
  /** No answer may hold this. */
  readonly canary: string;
}

export async function send(
  client: Client,
  ledger: Ledger,
  id: string,
  call: Call,
  options: SendOptions,
): Promise<void> {
  const beganMs = performance.now();
  const outcome = await outcomeOf(client, id, call, options);
  const { name, isProvoked } = call;
  ledger.enter({ name, id, beganMs, isProvoked, outcome });
}

async function outcomeOf(client: Client, id: string, call: Call, options: SendOptions): Promise<Outcome> {
  const { method, path, headers, body: sent = null, read } = call;
  const { isLast = false, canary } = options;
  let status: number | undefined;
  try {
    const all = { ...headers, "x-request-id": id };
    const answer = await client.request({ method, path, headers: all, body: sent, reset: isLast });
    status = answer.statusCode;
    const text = await (read ? read(answer.body) : answer.body.text());
    if (status === 503 && text.includes('"code":"overloaded"')) return { kind: "shed" };
    return { kind: "answered", status, wrong: text.includes(canary) ? "a key is in it" : call.check(status, text) };
  } catch (error) {
    const wrong = inspect(error, { breakLength: Infinity }).split("\n", 1).join("");
    return status === undefined
      ? { kind: "lost", wrong }
      : { kind: "answered", status, wrong: `${status}, then ${wrong}` };
  }
}
