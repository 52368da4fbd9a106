/** What can be made to go wrong, and which request it befalls. */
import type { OpenAIError } from "./openai-error.ts";
import type { HeaderValues } from "./reply.ts";
import type { RequestPredicate } from "./record.ts";

/**
 * One thing that goes wrong. `afterEvents` counts the events of a stream; an answer that is not a stream counts as one
 * event, of which one half is sent. Where a stream has fewer events, the fault comes before its final chunk.
 */
export type Fault =
  /** Nothing: lets a request pass in a list of faults. */
  | { readonly kind: "none" }
  /** Another status, with OpenAI's error body unless `body` is given. */
  | {
      readonly kind: "status";
      readonly status: number;
      readonly body?: string | Buffer;
      readonly headers?: HeaderValues;
      readonly retryAfterSeconds?: number;
    }
  /** 307 unless told otherwise. */
  | { readonly kind: "redirect"; readonly location: string; readonly status?: number }
  /** The usual answer with more headers: `set-cookie`, for one. */
  | { readonly kind: "headers"; readonly headers: HeaderValues }
  /** The usual answer with `count` headers (default 1) of `bytes` bytes each. */
  | { readonly kind: "huge-headers"; readonly bytes: number; readonly count?: number }
  /** 200 that tells what was received: `{method, url, headers: [[name, value]], body}`, and each header as `x-echo-...`. */
  | { readonly kind: "echo" }
  /** An error event inside a stream of status 200, which then ends as if all were well, but without `[DONE]`. */
  | { readonly kind: "error-event"; readonly afterEvents: number; readonly error?: Partial<OpenAIError> }
  /** The bytes of each event go out in pieces of `every` bytes, each its own chunk and its own write. */
  | { readonly kind: "split"; readonly every: number }
  /** The whole answer, head included, in writes of `bytes` (default 1), `delayMs` (default 1) apart. */
  | { readonly kind: "slow-drip"; readonly bytes?: number; readonly delayMs?: number }
  /** `count` informational heads (default status 103) before the usual answer. */
  | { readonly kind: "flood-1xx"; readonly count: number; readonly status?: number }
  /** Answers (default 413) when the head has been read, and ends our side; what the body brings is thrown away. */
  | { readonly kind: "early-answer"; readonly status?: number }
  | { readonly kind: "reset-before-head" }
  | { readonly kind: "reset-after-head" }
  | { readonly kind: "reset-after-events"; readonly afterEvents: number }
  | { readonly kind: "stall-before-head" }
  | { readonly kind: "stall-after-events"; readonly afterEvents: number }
  /** Bytes of the body as the client counts them, without chunk framing. */
  | { readonly kind: "stall-after-bytes"; readonly afterBytes: number }
  /** Half a body under its full length, or (default: all) events without the final chunk; then the connection is closed. */
  | { readonly kind: "truncate"; readonly afterEvents?: number }
  /** Bytes that are no HTTP, then close. */
  | { readonly kind: "garbage"; readonly bytes?: string | Buffer }
  /** A `content-length` that is `by` too much or too little (for a stream: `by`, at least 0). The connection stays open. */
  | { readonly kind: "wrong-length"; readonly by: number }
  /** Our side of the connection is ended before the head, or after some events, while we read on. */
  | { readonly kind: "half-close"; readonly afterEvents?: number };

export type FaultKind = Fault["kind"];

export interface FaultScope {
  /** Only requests that this is true of, asked when the head is read: the body is not there yet. */
  readonly when?: RequestPredicate | undefined;
  /** How many requests each fault befalls. Default 1. */
  readonly times?: number | "always" | undefined;
}

interface Planned {
  readonly fault: Fault;
  readonly when: RequestPredicate | undefined;
  left: number;
}

/** Faults in the order in which they were planned; a request gets the first that fits, and one only. */
export class FaultPlan {
  #planned: Planned[] = [];

  add(faults: Fault | readonly Fault[], scope: FaultScope = {}): void {
    const left = scope.times === "always" ? Infinity : (scope.times ?? 1);
    for (const fault of [faults].flat()) this.#planned.push({ fault, when: scope.when, left });
  }

  take(request: Parameters<RequestPredicate>[0]): Fault {
    const index = this.#planned.findIndex((planned) => planned.when?.(request) ?? true);
    const planned = this.#planned[index];
    if (planned === undefined) return { kind: "none" };
    planned.left--;
    if (planned.left <= 0) this.#planned.splice(index, 1);
    return planned.fault;
  }

  clear(): void {
    this.#planned = [];
  }
}
