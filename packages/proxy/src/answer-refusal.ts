/** The answer to a refusal that no other key could heal: what the provider said, without what it says of our accounts. */
import { HeaderList } from "@keybearer/providers";
import type { SecretVersion } from "@keybearer/secrets";
import { answerHead } from "./answer-head.ts";
import { errorBody } from "./answer.ts";
import type { Backend } from "./backend.ts";
import type { Refusal } from "./refusal.ts";
import { scrub, scrubBytes } from "./scrub.ts";
import type { Transaction } from "./transaction.ts";

/** `versions`: of the keys that were sent. */
export function answerRefusal(
  { status, headers, body }: Refusal,
  backend: Backend,
  transaction: Transaction,
  versions: readonly SecretVersion[],
): void {
  const { exchange } = transaction;
  const bytes = body ? scrubBytes(body, versions) : Buffer.from(errorBody(transaction, { status, ...UNREADABLE }));
  const kept = HeaderList.from(
    answerHead({ status, headers }, backend, transaction).map((text) => scrub(text, versions)),
  );
  kept.delete("content-encoding");
  // A stream that failed before it began is an error like any other.
  if (!body || kept.get("content-type")?.startsWith("text/event-stream")) kept.set("content-type", "application/json");
  kept.delete("content-length");
  const { method } = exchange.head;
  if (method !== "HEAD") kept.set("content-length", String(bytes.length));
  transaction.status = status;
  exchange.sendHead(status, kept.toFlat());
  if (method !== "HEAD") exchange.write(bytes);
  exchange.end();
}

const UNREADABLE = {
  code: "upstream_error",
  message: "The provider answered with an error that could not be read: it is too long, too slow or incomplete.",
};
