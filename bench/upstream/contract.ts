/** What the upstream's process is told and what it tells. */

export type AnswerMode =
  /** One JSON object, in one write. */
  | { readonly kind: "json" }
  /** 100 server-sent events, each a chunk and a write of its own; 0: all at once. */
  | { readonly kind: "events"; readonly everyMs: number };

/** What arrived. */
export interface Arrival {
  readonly authorization: string | undefined;
  readonly body: Uint8Array;
}

export type UpstreamCommand =
  | { readonly kind: "answer"; readonly mode: AnswerMode }
  /** Keep the next request, and tell of it. */
  | { readonly kind: "keep" }
  | { readonly kind: "kept" };

export type UpstreamReply =
  | { readonly port: number; readonly tlsPort?: number }
  | { readonly done: true }
  | { readonly arrival: Arrival };
