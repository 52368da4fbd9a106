/** What an endpoint is: a method, a path and a function from a call to a reply. It touches no socket and no clock. */
import type { JsonObject } from "./json.ts";
import type { FormPart } from "./multipart.ts";
import type { AnswerOptions } from "./options.ts";
import type { Reply } from "./reply.ts";
import type { Store } from "./store.ts";

export interface Call {
  /** What stood for `{name}` in the path. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly answer: AnswerOptions;
  readonly store: Store;
  readonly organization: string;
  /** Whose call it is: each key is an account of its own. Undefined: anonymous. */
  readonly key: string | undefined;
  /** The models that are served; undefined: any. */
  readonly models: readonly string[] | undefined;
  /** Seconds since the epoch. */
  readonly created: number;
}

export interface JsonCall extends Call {
  readonly body: JsonObject;
  /** `body.model`, or the empty string. */
  readonly model: string;
}

export interface FormCall extends Call {
  readonly parts: readonly FormPart[];
  readonly model: string;
}

interface Place {
  readonly method: "GET" | "POST" | "DELETE";
  /** Below the base path: `/files/{id}/content`. */
  readonly path: string;
  /** A call without a model is 400. */
  readonly needsModel?: boolean;
}

export type Endpoint =
  | (Place & { readonly reads: "nothing"; answer(call: Call): Reply })
  | (Place & { readonly reads: "json"; answer(call: JsonCall): Reply })
  | (Place & { readonly reads: "form"; answer(call: FormCall): Reply });
