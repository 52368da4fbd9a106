/** The config, loaded again: one reload after the other, and the last good one stays when the next is none. */
import { ConfigErrors } from "@keybearer/config";
import type { Log } from "@keybearer/telemetry";
import { GatewayError } from "../errors.ts";

export interface ConfigStatus {
  /** Rejected: the config that was read last cannot be used, and the one before it serves. */
  readonly state: "synchronized" | "rejected";
  /** When the config that serves was loaded, as ISO 8601. */
  readonly loadedAt: string;
  /** Why the one that was read last cannot be used: `config.yaml:12:37: CODE: message`. */
  readonly errors: readonly string[];
  /** `config.adminAddr`: what has changed since the start, and counts from the next one on. */
  readonly needsRestart: readonly string[];
}

export interface ReloadOutcome extends ConfigStatus {
  /** The errors in full, as `--validate-only` prints them; else empty. */
  readonly explanation: string;
}

export interface ReloadSteps {
  /** Loads the config and serves from it. Throws ConfigErrors or GatewayError, and has changed nothing then. */
  readonly replace: () => Promise<"replaced" | "unchanged">;
  readonly needsRestart: () => readonly string[];
  readonly log: Log;
  readonly synchronized: (yes: boolean) => void;
}

export class Reloads {
  readonly #steps: ReloadSteps;
  readonly #causes = new Set<string>();
  #running: Promise<unknown> = Promise.resolve();
  /** The one that begins when the running one has ended: it sees whatever changes until then. */
  #waiting: Promise<ReloadOutcome> | undefined;
  #loadedAt = new Date();
  #failure: unknown;

  constructor(steps: ReloadSteps) {
    this.#steps = steps;
  }

  /** Never rejects. `cause` is what the log says of it. */
  request(cause: string): Promise<ReloadOutcome> {
    this.#causes.add(cause);
    this.#waiting ??= this.#running.then(() => {
      this.#waiting = undefined;
      const reload = this.#reload([...this.#causes].join(", "));
      this.#causes.clear();
      this.#running = reload;
      return reload;
    });
    return this.#waiting;
  }

  status(): ConfigStatus {
    return {
      state: this.#failure === undefined ? "synchronized" : "rejected",
      loadedAt: this.#loadedAt.toISOString(),
      errors: this.#failure === undefined ? [] : summaries(this.#failure),
      needsRestart: this.#steps.needsRestart(),
    };
  }

  async #reload(cause: string): Promise<ReloadOutcome> {
    const { log, replace, needsRestart, synchronized } = this.#steps;
    try {
      const result = await replace();
      this.#failure = undefined;
      if (result === "replaced") this.#loadedAt = new Date();
      for (const field of needsRestart()) log.warn(`${field} has changed, which needs a restart; the rest applies`);
      log.info(result === "replaced" ? "the config was reloaded" : "the config was read again: nothing has changed", {
        cause,
      });
    } catch (error) {
      this.#failure = error;
      for (const summary of summaries(error)) log.error(`the config was refused: ${summary}`);
      log.error("the last good config stays", { cause });
    }
    synchronized(this.#failure === undefined);
    return { ...this.status(), explanation: this.#failure === undefined ? "" : explanation(this.#failure) };
  }
}

/** Never a secret: those of our own errors are made without, and of others nothing is repeated. */
function summaries(error: unknown): string[] {
  if (ConfigErrors.is(error)) {
    const more = error.omitted > 0 ? [`and ${error.omitted} more`] : [];
    return [...error.errors.map(({ summary }) => summary), ...more];
  }
  if (GatewayError.is(error)) return [`${error.code}: ${error.message}`];
  return [`a fault of keybearer itself: ${error instanceof Error ? error.name : typeof error}`];
}

function explanation(error: unknown): string {
  return ConfigErrors.is(error) ? error.format() : summaries(error).join("\n");
}
