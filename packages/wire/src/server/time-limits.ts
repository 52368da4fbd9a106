/** Whose time is up on a server connection. No clock is read but when it is looked, so what begins is dated by the next look. */
import { PROGRESS_BYTES, type ServerLimits } from "./contract.ts";
import { Progress } from "./progress.ts";

/** How a connection stands when it is looked at. */
export interface Moment {
  /** What is to come: after the first request, a head that has not begun is not waited for. */
  readonly phase: "idle" | "head" | "body" | "answer" | "closing";
  /** Grows whenever a request begins, or the time between two. */
  readonly turns: number;
  /** More of the body has to come before anything goes on. */
  readonly isAwaited: boolean;
  readonly receivedBytes: number;
  /** Written by us, and not yet taken by the system. */
  readonly unsentBytes: number;
  /** Taken by the system. */
  readonly sentBytes: number;
}

export class TimeLimits {
  readonly #openedMs: number;
  readonly #receiving = new Progress();
  readonly #sending = new Progress();
  #turns = 0;
  #turnMs: number;

  constructor(openedMs: number) {
    this.#openedMs = this.#turnMs = openedMs;
  }

  isOld(nowMs: number, { connectionDurationMs }: ServerLimits): boolean {
    return nowMs - this.#openedMs > connectionDurationMs;
  }

  /** What the client has taken too long for. */
  exceeded(moment: Moment, nowMs: number, limits: ServerLimits): "idle" | "receiving" | "sending" | undefined {
    if (moment.turns !== this.#turns) {
      this.#turns = moment.turns;
      this.#turnMs = nowMs;
    }
    if (this.#sendsTooSlowly(moment, nowMs, limits)) return "receiving";
    if (this.#readsTooSlowly(moment, nowMs, limits)) return "sending";
    const isIdle = moment.phase === "idle" && moment.unsentBytes === 0;
    return isIdle && nowMs - this.#turnMs > limits.idleTimeoutMs ? "idle" : undefined;
  }

  #sendsTooSlowly({ phase, isAwaited, receivedBytes }: Moment, nowMs: number, limits: ServerLimits): boolean {
    const sinceMs = nowMs - this.#turnMs;
    if (phase === "head" && sinceMs > limits.headTimeoutMs) return true;
    if ((phase === "head" || phase === "body") && sinceMs > limits.receiveTimeoutMs) return true;
    if (!isAwaited) this.#receiving.rest();
    return isAwaited && this.#receiving.stalledMs(receivedBytes, PROGRESS_BYTES, nowMs) > limits.bodyTimeoutMs;
  }

  #readsTooSlowly({ unsentBytes, sentBytes }: Moment, nowMs: number, limits: ServerLimits): boolean {
    if (unsentBytes === 0) this.#sending.rest();
    return unsentBytes > 0 && this.#sending.stalledMs(sentBytes, 1, nowMs) > limits.sendTimeoutMs;
  }
}
