/** Asks a provider about one key by its free call, on the way that the key's traffic takes. */
import { HeaderList, recogniseSecret, type KeyCheck, type KeyVerdict, type Placement } from "@keybearer/providers";
import { isCleartext, type HeaderModifier, type UpstreamDispatcher } from "@keybearer/proxy";
import type { SecretVersion } from "@keybearer/secrets";
import type { Dispatcher } from "undici";
import { systemCode } from "../errors.ts";
import { version as ownVersion } from "../version.ts";
import type { KeyTarget } from "./targets.ts";

export interface PlacedVersion {
  readonly placement: Placement;
  readonly version: SecretVersion;
}

export interface KeyQuestion {
  readonly target: KeyTarget;
  readonly version: SecretVersion;
  /** What the same request carries at other places: `target.beside`. */
  readonly beside?: readonly PlacedVersion[];
  /** Leads to the target's origin, with its TLS. */
  readonly dispatcher: UpstreamDispatcher;
  /** For one question and its answer. 10 000 by default. */
  readonly limitMs?: number;
  readonly signal?: AbortSignal;
}

/** `isOpen`: no answer settled it, and to ask again may. */
export interface CheckedKey extends KeyVerdict {
  readonly isOpen: boolean;
}

const LIMIT_MS = 10_000;
const BODY_LIMIT_BYTES = 1024 * 1024;
/** No modifier's business, in traffic either. */
const FRAMING = [
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
];

/**
 * Nothing is billed, no redirect followed, and what the answer says is not repeated. A key that plainly belongs to another
 * provider is not sent. Never rejects.
 */
export async function checkKey(question: KeyQuestion): Promise<CheckedKey> {
  const { target, version } = question;
  const { provider, origin } = target;
  const check = provider?.keyCheck;
  if (!provider || !check) return settled("unknown", "there is no free call that would tell");
  if (isCleartext(origin) && !target.allowCleartext) {
    return settled("unknown", `not sent: it would travel to ${origin.endpoint} unencrypted`);
  }
  const owner = recogniseSecret(version.secret);
  if (target.isProvidersOwn && owner !== undefined && owner !== provider.name) {
    return settled("no", `a key of ${owner}, and so not sent to ${provider.name}`);
  }
  const verdict = await ask(question, check, [{ placement: target.placement, version }, ...(question.beside ?? [])]);
  if (verdict.authenticates !== "yes" || target.isProvidersOwn) return verdict;
  // Some servers that speak a provider's dialect list their models to anyone: then the list says nothing of a key.
  const without = await ask(question, check, question.beside ?? []);
  const isPublic = without.authenticates === "yes" && without.mayGenerate === verdict.mayGenerate;
  return isPublic ? settled("unknown", `${origin.endpoint} answers this without a key as well`) : verdict;
}

async function ask(question: KeyQuestion, check: KeyCheck, placed: readonly PlacedVersion[]): Promise<CheckedKey> {
  const { target, dispatcher, limitMs = LIMIT_MS } = question;
  const limit = AbortSignal.timeout(limitMs);
  const signal = question.signal ? AbortSignal.any([limit, question.signal]) : limit;
  try {
    const out = { headers: headersFor(target), path: target.basePath + check.path, query: "" };
    for (const { placement, version } of placed) placement.place(version, out);
    // Loaded by whoever asks: most gateways never do.
    const { request } = await import("undici");
    const { statusCode, headers, body } = await request(target.origin.url + out.path + out.query, {
      // request() needs no more of it than its types ask for.
      dispatcher: dispatcher as Dispatcher,
      method: check.method,
      headers: out.headers.toFlat(),
      signal,
    });
    const text = await beginningOf(body);
    const verdict = check.judge(statusCode, headerList(headers), text);
    return { ...verdict, isOpen: verdict.authenticates === "unknown" };
  } catch (error) {
    const why = limit.aborted ? `no answer within ${limitMs / 1000} s` : reasonOf(error);
    return { ...settled("unknown", `${target.origin.endpoint}: ${why}`), isOpen: true };
  }
}

function headersFor({ origin, modifiers }: KeyTarget): HeaderList {
  const headers = HeaderList.from(["host", origin.authority, "accept", "application/json"]);
  headers.set("accept-encoding", "identity");
  headers.set("user-agent", `keybearer/${ownVersion}`);
  for (const modifier of modifiers) modify(headers, modifier);
  for (const name of FRAMING) headers.delete(name);
  return headers;
}

/** Those that choose the account that pays, or let a request in at all, belong to the question. */
function modify(headers: HeaderList, { add, set, remove }: HeaderModifier): void {
  for (const [name, value] of set) headers.set(name.toLowerCase(), value);
  for (const [name, value] of add) headers.append(name.toLowerCase(), value);
  for (const name of remove) headers.delete(name.toLowerCase());
}

/** What is beyond the limit is not read, and the connection given up. */
async function beginningOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    chunks.push(chunk);
    length += chunk.length;
    if (length >= BODY_LIMIT_BYTES) break;
  }
  return Buffer.concat(chunks).toString("utf8");
}

function headerList(headers: Readonly<Record<string, string | string[] | undefined>>): HeaderList {
  const list = new HeaderList();
  for (const [name, value] of Object.entries(headers)) for (const each of [value ?? []].flat()) list.append(name, each);
  return list;
}

/** A code alone: what else an error says may quote what was sent. */
function reasonOf(error: unknown): string {
  const code = systemCode(error);
  return `no answer${code !== undefined && /^[A-Z][A-Z0-9_]*$/.test(code) ? ` (${code})` : ""}`;
}

function settled(authenticates: "no" | "unknown", detail: string): CheckedKey {
  return { authenticates, mayGenerate: authenticates, detail, isOpen: false };
}
