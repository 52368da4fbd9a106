/** A provider's refusal: told from an answer before the client sees anything of it. */
import { classifyFailure, type HeaderList } from "@keybearer/providers";
import type { Failure } from "@keybearer/secrets";
import type { Backend } from "./backend.ts";
import { isEventStream, type UpstreamAnswer } from "./dispatch.ts";
import { readErrorBody, readOpening } from "./peek.ts";
import type { HealingTimeouts } from "./timeouts.ts";
import type { Transaction } from "./transaction.ts";

export interface Refusal {
  readonly failure: Failure;
  readonly status: number;
  readonly headers: HeaderList;
  /** What the provider said; undefined: it could not be read whole. */
  readonly body: Uint8Array | undefined;
}

export type Looked =
  | { readonly answer: UpstreamAnswer; readonly refusal?: undefined }
  | { readonly refusal: Refusal; readonly answer?: undefined };

/** As much of an error as tells what it is. */
const TELLING_BYTES = 64 * 1024;

export interface LookOptions extends Pick<HealingTimeouts, "openingMs" | "errorBodyMs"> {
  /** The caller's own token pays. */
  readonly isCallers: boolean;
}

/** Whether an answer can be a refusal at all: an error, or a stream, whose opening may tell of one. */
export function mayRefuse({ status, headers }: UpstreamAnswer): boolean {
  return status >= 400 || isEventStream(headers);
}

/** Reads an error's body, or the opening of a stream. Throws ProxyError when a stream breaks off in its opening. */
export async function look(
  answer: UpstreamAnswer,
  { ai }: Backend,
  { dialect }: Transaction,
  { openingMs, errorBodyMs, isCallers }: LookOptions,
): Promise<Looked> {
  const { status, headers } = answer;
  const classify = (body: Uint8Array | undefined): Failure => {
    const text = Buffer.from(body?.subarray(0, TELLING_BYTES) ?? []).toString();
    return classifyFailure({ provider: ai?.provider.name ?? "", status, headers, body: text, now: Date.now() });
  };
  if (status >= 400) {
    const body = await readErrorBody(answer, errorBodyMs);
    return { refusal: { failure: isCallers ? ofCallersToken : classify(body), status, headers, body } };
  }
  if (isCallers || !dialect || !isReadableStream(headers)) return { answer };
  const opened = await readOpening(answer, dialect.streamOpening(), openingMs);
  if (opened.answer) return opened;
  const body = Buffer.from(asErrorBody(opened.error));
  const failure = classify(body);
  return { refusal: { failure, status: IN_BAND_STATUS[failure.class], headers, body } };
}

const ofCallersToken: Failure = { class: "callersFault", scope: "none", confirmed: true, rule: "callers-own-token" };

/** Whether another key, or another version of this one, may fare better. */
export function concernsKey({ failure: { scope, elsewhere } }: Refusal): boolean {
  return scope === "key" || scope === "keyModel" || scope === "scope" || elsewhere === true;
}

/** Whether the provider would not take the request at all, whoever asks: another endpoint may. */
export function isTurnedAway({ failure, status }: Refusal): boolean {
  return failure.scope === "endpoint" && !MAY_HAVE_BEGUN.has(status);
}

/** With these it may have worked on the request already, and another would do so again. */
const MAY_HAVE_BEGUN: ReadonlySet<number> = new Set([500, 502, 504, 520, 524]);

/** Whether its source may know a version that fares better. */
export function concernsVersion({ failure }: Refusal): boolean {
  return failure.class === "keyInvalid" || failure.class === "suspected";
}

/** An error inside an answer that began well is told by the status that it should have had. */
const IN_BAND_STATUS: Readonly<Record<Failure["class"], number>> = {
  keyInvalid: 401,
  suspected: 401,
  notAllowed: 403,
  outOfMoney: 402,
  limited: 429,
  overloaded: 503,
  callersFault: 400,
  network: 502,
};

/** Events of the Responses API are flat; the errors of all others, and of its own answers, stand in an `error`. */
function asErrorBody(data: string): string {
  const value: unknown = JSON.parse(data);
  const isNested = typeof value === "object" && value !== null && "error" in value && typeof value.error === "object";
  return isNested ? data : JSON.stringify({ error: value });
}

function isReadableStream(headers: HeaderList): boolean {
  const encoding = headers.get("content-encoding")?.toLowerCase() || "identity";
  return encoding === "identity" && isEventStream(headers);
}
