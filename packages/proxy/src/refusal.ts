/** A provider's refusal: told from an answer before the client sees anything of it. */
import { classifyFailure, failureStatus, type HeaderList } from "@keybearer/providers";
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
  const classify = (text: string): Failure =>
    classifyFailure({ provider: ai?.provider.name ?? "", status, headers, body: text, now: Date.now() });
  if (status >= 400) {
    const body = await readErrorBody(answer, errorBodyMs);
    const text = Buffer.from(body?.subarray(0, TELLING_BYTES) ?? []).toString();
    return { refusal: { failure: isCallers ? ofCallersToken : classify(text), status, headers, body } };
  }
  if (isCallers || !dialect || !isReadableStream(headers)) return { answer };
  const opened = await readOpening(answer, dialect.streamOpening(), openingMs);
  if (opened.answer) return opened;
  const text = asErrorBody(opened.error);
  const meant = failureStatus({ status, headers, body: text });
  return { refusal: { failure: classify(text), status: meant, headers, body: Buffer.from(text) } };
}

const ofCallersToken: Failure = { class: "callersFault", scope: "none", confirmed: true, rule: "callers-own-token" };

/** Whether another key, or another version of this one, may fare better. */
export function concernsKey({ failure: { scope, elsewhere } }: Refusal): boolean {
  return scope === "key" || scope === "keyModel" || scope === "scope" || elsewhere === true;
}

/** Whether the provider would not take the request at all, whoever asks: another endpoint may. */
export function isTurnedAway({ failure, status }: Refusal): boolean {
  return failure.scope === "endpoint" && (status >= 500 ? TURNS_AWAY.has(status) : !BEGAN.has(status));
}

/** Of servers without room, and of an edge (Cloudflare) whose origin is away. With any other it may have worked on it already. */
const TURNS_AWAY: ReadonlySet<number> = new Set([503, 521, 522, 523, 525, 526, 529]);
/** A time that ran out, and a model that failed (Bedrock). */
const BEGAN: ReadonlySet<number> = new Set([408, 424]);

/** Whether its source may know a version that fares better. */
export function concernsVersion({ failure }: Refusal): boolean {
  return failure.class === "keyInvalid" || failure.class === "suspected";
}

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
