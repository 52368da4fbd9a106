/** What a provider is to the road: an address, a dialect, a place for the key. */
import type { SecretVersion } from "@keybearer/secrets";
import type { GenericSchema } from "valibot";
import type { HeaderList } from "./headers.ts";

/** One entry in `providers`: its YAML word, its address, the dialect it speaks. Nothing computed. */
export interface Provider {
  /** The YAML word: `provider: { openAI: ... }`. */
  readonly name: string;
  /** `gen_ai.provider.name` in logs and metrics: `openai`. */
  readonly system: string;
  /** What stands below the YAML word. */
  readonly schema: GenericSchema<unknown, ProviderSettings>;
  /** `https://api.openai.com`. */
  readonly origin: string;
  /** Path under which the dialect's calls live: `/v1`. */
  readonly basePath: string;
  readonly dialect: Dialect;
  /** Where a key goes when its config names no location. */
  readonly placement: Placement;
  /** A call that costs nothing and tells of a key. Undefined: the provider has none. */
  readonly keyCheck?: KeyCheck;
}

/** A call without a body, and how its answer is to be read. */
export interface KeyCheck {
  readonly method: "GET" | "POST";
  /** Below the base path: `/models`. */
  readonly path: string;
  /** `status` is that of an answer, `body` its beginning, up to 1 MiB. Never throws. */
  judge(status: number, headers: HeaderList, body: string): KeyVerdict;
}

export type Certainty = "yes" | "no" | "unknown";

/** What is known of a key for free. */
export interface KeyVerdict {
  readonly authenticates: Certainty;
  /** Whether it may ask a model for anything; mostly that cannot be known for free. */
  readonly mayGenerate: Certainty;
  /** For people, in our words: nothing of the answer is repeated. */
  readonly detail: string;
}

/** What every provider's YAML block yields. */
export interface ProviderSettings {
  /** Written in place of the model that the client asks for. */
  readonly model?: string | undefined;
}

/** A request on its way out. Built anew for each attempt. */
export interface OutgoingRequest {
  readonly headers: HeaderList;
  /** Without the query. */
  path: string;
  /** With its leading `?`, or empty. */
  query: string;
}

/** Where a credential goes: a header with a prefix, a query parameter, a cookie. */
export interface Placement {
  /** Lower-case name of the header that it writes, if it writes one. */
  readonly header?: string;
  readonly needsBody: boolean;
  place(version: SecretVersion, out: OutgoingRequest): void;
}

/** A family of HTTP calls that several providers answer: OpenAI's, Anthropic's. */
export interface Dialect {
  readonly name: string;
  /** Which call is this? Undefined: none that may be relayed. `path` is without its query. */
  classify(method: string, path: string, hasJsonBody: boolean): Call | undefined;
  /** The call that the config says it is (`ai.routes`), whatever the path looks like. */
  callOfType(type: RouteType, method: string, path: string): Call;
  /** Reads and edits a body. Throws BodyError. */
  editBody(body: Uint8Array, contentType: string | undefined, edit: BodyEdit): EditedBody;
  /** Body of an error answer, JSON. */
  errorBody(error: ErrorFacts): string;
  /** The event that ends a broken stream, as the answers of this operation have it. */
  streamError(error: ErrorFacts, operation?: Operation): string;
  /** A scanner for one answer; it is fed every byte and changes none. */
  usageScanner(): UsageScanner;
  /** Tells the id of an answer from which a later request may go on. Absent: none does. */
  responseIdScanner?(found: (id: string) => void): AnswerScanner;
  /** Takes the usage event out of a stream for a client that did not ask for it. */
  usageEventFilter(): StreamFilter;
  /** Reads the first events of a stream, until content has begun. */
  streamOpening(): StreamOpening;
}

/** `ai.routes` values that are supported. */
export type RouteType = "completions" | "responses" | "embeddings" | "models" | "passthrough" | "detect";

/** `gen_ai.operation.name` where one exists, else the endpoint's own name. */
export type Operation =
  | "chat"
  | "responses"
  | "text_completion"
  | "embeddings"
  | "models"
  | "moderations"
  | "images"
  | "audio"
  | "files"
  | "batches"
  | "passthrough";

export interface Call {
  readonly operation: Operation;
  /** Path below the provider's base, as the client spelt it: `/chat/completions`. Undefined: the client's path is kept. */
  readonly suffix: string | undefined;
  /** Whether its body names a model that a configured one replaces. */
  readonly takesModel: boolean;
  /** Whether a stream of this call reports usage only when asked. */
  readonly streamsUsageOnRequest: boolean;
}

export interface BodyEdit {
  /** Written in place of the client's. */
  readonly model?: string | undefined;
  /** Ask for usage on the client's behalf when it streams. */
  readonly includeUsage: boolean;
}

export interface EditedBody {
  readonly bytes: Uint8Array;
  /** The model that the client asked for. */
  readonly requestedModel: string | undefined;
  readonly stream: boolean;
  /** True when usage was asked for on the client's behalf: its event must be taken out of the answer. */
  readonly usageWasAdded: boolean;
}

export interface ErrorFacts {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly param?: string | undefined;
}

/** Tokens of one call, as far as the provider told. */
export interface Usage {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly totalTokens: number;
  readonly cachedInputTokens?: number;
  readonly reasoningTokens?: number;
}

/** It is fed an answer as it passes, and changes nothing. */
export interface AnswerScanner {
  push(chunk: Uint8Array): void;
}

export interface UsageScanner extends AnswerScanner {
  readonly usage: Usage | undefined;
  readonly model: string | undefined;
}

/** Where a stream stands: nothing said yet, content has begun, or an error came first (its event's data, JSON). */
export type StreamVerdict = "opening" | "content" | { readonly error: string };

export interface StreamOpening {
  /** Called until the verdict is another than `opening`. */
  push(chunk: Uint8Array): StreamVerdict;
}

export interface StreamFilter {
  /** What may go on now; undefined: nothing yet. */
  push(chunk: Uint8Array): Uint8Array | undefined;
  /** What was held back at the end of the stream. */
  end(): Uint8Array | undefined;
}
