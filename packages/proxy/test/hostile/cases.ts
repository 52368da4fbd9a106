/** What a case of the table of hostile messages says: bytes, and what an engine makes of them. */

/** A request as the upstream must see it. */
export interface Seen {
  readonly method: string;
  readonly target: string;
  /** Lower-case names. Undefined: it must not be there. */
  readonly headers?: Readonly<Record<string, string | undefined>>;
  /** Whatever framing it comes in. Without it: empty. */
  readonly body?: string;
}

export type RequestOutcome =
  /** One answer of this status, then the connection ends. Not a byte goes upstream. */
  | { readonly kind: "refused"; readonly status: number }
  /** The same, but the fault lies behind the head: the upstream may have seen a part, never an end. */
  | { readonly kind: "broken"; readonly status: number }
  /** The same, once the client has ended its side. */
  | { readonly kind: "unfinished"; readonly status: number }
  /**
   * One 200 for each, in order, and the upstream sees exactly these. Afterwards the connection takes another request,
   * or is closed, or answers that status and is closed.
   */
  | { readonly kind: "served"; readonly seen: readonly Seen[]; readonly after: "open" | "closed" | number }
  /** One answer of this status without the upstream, and the connection takes another request. */
  | { readonly kind: "answered"; readonly status: number };

export interface RequestCase {
  readonly name: string;
  /** One character is one byte. */
  readonly bytes: string;
  readonly outcome: RequestOutcome;
  /** Informational answers that come before the first. */
  readonly interim?: readonly number[];
  /** node:http cannot be made to do that: why, and what it does instead, which must be safe. */
  readonly nodeHttp?: { readonly because: string; readonly outcome: RequestOutcome };
}

export type ResponseOutcome =
  /** 502 and an error of ours to the client; the upstream connection is closed. */
  | { readonly kind: "refused" }
  /** The client sees a part of the answer, and that it is not whole; the upstream connection is closed. */
  | { readonly kind: "cut" }
  /** The client gets this, whole. */
  | {
      readonly kind: "relayed";
      readonly status: number;
      readonly body: string;
      /** Lower-case names. Undefined: it must not be there. */
      readonly headers?: Readonly<Record<string, string | undefined>>;
      /** Whether the next request goes over the same upstream connection. Either: it may, and nothing is wrong if not. */
      readonly connection: "kept" | "closed" | "either";
    };

export interface ResponseCase {
  readonly name: string;
  readonly bytes: string;
  /** The request's; `GET`. */
  readonly method?: string;
  /** What the upstream does behind the bytes; by default it keeps the connection open. */
  readonly ends?: boolean;
  readonly outcome: ResponseOutcome;
  /** undici cannot be made to do that: why, and what it does instead, which must be safe. */
  readonly undici?: { readonly because: string; readonly outcome: ResponseOutcome };
}

export const refused = (status: number): RequestOutcome => ({ kind: "refused", status });
export const broken = (status: number): RequestOutcome => ({ kind: "broken", status });
export const unfinished = (status: number): RequestOutcome => ({ kind: "unfinished", status });
export const answered = (status: number): RequestOutcome => ({ kind: "answered", status });
export const served = (...seen: readonly Seen[]): RequestOutcome => ({ kind: "served", seen, after: "open" });
export const servedThen = (after: "closed" | number, ...seen: readonly Seen[]): RequestOutcome => ({
  kind: "served",
  seen,
  after,
});

export const discarded: ResponseOutcome = { kind: "refused" };
export const cut: ResponseOutcome = { kind: "cut" };

type Relayed = Extract<ResponseOutcome, { kind: "relayed" }>;

/** 200 with the body `ok`, unless `parts` say otherwise. */
export function relayed(connection: Relayed["connection"], parts: Partial<Relayed> = {}): ResponseOutcome {
  return { kind: "relayed", status: 200, body: "ok", connection, ...parts };
}

/** A head: the request line, `Host: a`, and further header lines. */
export function head(line: string, ...headers: readonly string[]): string {
  return [line, "Host: a", ...headers, "", ""].join("\r\n");
}

export const get = (target: string, ...headers: readonly string[]): string =>
  head(`GET ${target} HTTP/1.1`, ...headers);
export const post = (...headers: readonly string[]): string => head("POST / HTTP/1.1", ...headers);
