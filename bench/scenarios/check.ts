/** Before anything is measured: does the subject do its work, and does it answer what the upstream said? */
import { askOnce } from "../load/ask-once.ts";
import type { Running } from "../subjects/running.ts";
import { clientKey, configuredModel, httpRequest, providerKey, requestedModel } from "../upstream/payloads.ts";
import type { Bench } from "./scenario.ts";

/**
 * The answer to expect from now on, byte by byte; undefined where each is a little different. Throws where key, model or
 * a body is not what it should be.
 */
export async function checkSubject({ upstream }: Bench, running: Running, body: Buffer): Promise<Buffer | undefined> {
  const { port, subject } = running;
  const { overridesModel, rewritesJson = false } = subject;
  const direct = await askOnce(upstream.port, httpRequest(upstream.port, body));
  let answer: Buffer = Buffer.alloc(0);
  const arrival = await upstream.arrivalDuring(async () => {
    answer = await askOnce(port, running.request(body));
  });
  const { authorization } = arrival;
  if (authorization?.includes(clientKey)) throw new Error("the client's key reached the upstream");
  if (authorization !== `Bearer ${providerKey}`) throw new Error("the provider's key did not reach the upstream");
  const expected = overridesModel ? withConfiguredModel(body) : body;
  const arrived = Buffer.from(arrival.body);
  // Who writes a model may also ask for the usage of a stream.
  if (!(arrived.equals(expected) || (overridesModel && keeps(meaning(arrived), meaning(expected)))))
    throw new Error(`the upstream got another body: ${arrived.toString().slice(0, 300)}`);
  if (!(answer.equals(direct) || (rewritesJson && keepsContent(answer, direct))))
    throw new Error(`the client got another body: ${answer.toString().slice(0, 300)}`);
  const again = await askOnce(port, running.request(body));
  return again.equals(answer) ? answer : undefined;
}

function withConfiguredModel(body: Buffer): Buffer {
  return Buffer.from(
    body.toString().replace(`"model":${JSON.stringify(requestedModel)}`, `"model":${JSON.stringify(configuredModel)}`),
  );
}

/** What a client reads of an answer: its choices. Whoever writes JSON anew may change ids, and add fields of its own. */
function keepsContent(actual: Buffer, expected: Buffer): boolean {
  const choices = (event: unknown) =>
    typeof event === "object" && event !== null && "choices" in event ? [event.choices] : [];
  const [all, wanted] = [meaning(actual).flatMap(choices), meaning(expected).flatMap(choices)];
  return wanted.length > 0 && keeps(all, wanted);
}

/** A JSON text, or the data of each event of a stream. */
function meaning(bytes: Buffer): unknown[] {
  const text = bytes.toString();
  if (!text.startsWith("data:")) return [JSON.parse(text)];
  return text
    .split("\n\n")
    .map((event) => event.replace(/^data: ?/, ""))
    .filter((data) => data.startsWith("{"))
    .map((data) => JSON.parse(data));
}

/** Whether all that was there still is. Nulls may be left out. */
function keeps(actual: unknown, expected: unknown): boolean {
  if (typeof expected !== "object" || expected === null) return actual === expected || expected === null;
  if (typeof actual !== "object" || actual === null) return false;
  const found = new Map(Object.entries(actual));
  return Object.entries(expected).every(([name, value]) => keeps(found.get(name), value));
}
