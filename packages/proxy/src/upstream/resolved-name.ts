/**
 * Where a name leads: asked once for all who want to know, and remembered for a while, so that a name server that is slow or
 * away holds up no connection to where the name led before. Node has few threads for such questions, for all names together.
 */
import type { LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";

export interface ResolvedNameOptions {
  readonly hostname: string;
  /** Asks the name server. */
  readonly lookup: LookupFunction;
  /** How long an answer is taken for true without another question. */
  readonly freshMs: number;
}

/** Gets addresses, at least one, or why there are none. */
export type Resolved = (found: readonly LookupAddress[] | Error) => void;

/** Whoever knows where the name led waits no longer for where it leads now. */
const PATIENCE_MS = 1_000;

export class ResolvedName {
  readonly #options: ResolvedNameOptions;
  #waiting: Resolved[] = [];
  #known: readonly LookupAddress[] = [];
  #knownSinceMs = 0;

  constructor(options: ResolvedNameOptions) {
    this.#options = options;
  }

  /** Asks anew, or waits for the answer with whoever has asked. */
  ask(told: Resolved): void {
    if (this.#waiting.push(told) > 1) return;
    const { hostname, lookup } = this.#options;
    lookup(hostname, { all: true }, (error, found) => {
      const waiting = this.#waiting;
      this.#waiting = [];
      const addresses = Array.isArray(found) ? found : [];
      if (!error && addresses.length > 0) {
        this.#known = addresses;
        this.#knownSinceMs = performance.now();
      }
      for (const each of waiting) each(error ?? (addresses.length > 0 ? addresses : noAddress(hostname)));
    });
  }

  /** What is known, where that is fresh or nothing better can be had soon; else as `ask`. Never calls back at once. */
  resolve(told: Resolved): void {
    const known = this.#known;
    if (known.length === 0) {
      this.ask(told);
    } else if (performance.now() - this.#knownSinceMs < this.#options.freshMs) {
      process.nextTick(told, known);
    } else {
      let isTold = false;
      const tell: Resolved = (found) => {
        clearTimeout(timer);
        if (!isTold) told(found);
        isTold = true;
      };
      const timer = setTimeout(tell, PATIENCE_MS, known);
      this.ask((found) => tell(found instanceof Error && !isFinal(found) ? known : found));
    }
  }

  /** Nobody was reached where it leads: whoever wants to know next asks anew. */
  doubt(): void {
    this.#knownSinceMs = -Infinity;
  }

  /** As `net.connect` takes it; whatever the name that it is given. */
  readonly lookup: LookupFunction = (_hostname, { all, family }, done) => {
    this.resolve((found) => {
      if (found instanceof Error) {
        done(found, []);
        return;
      }
      const wanted = found.filter((each) => !isNumbered(family) || each.family === family);
      const [first] = wanted;
      if (!first) done(noAddress(this.#options.hostname), []);
      else if (all === true) done(null, wanted);
      else done(null, first.address, first.family);
    });
  };
}

function isNumbered(family: unknown): boolean {
  return family === 4 || family === 6;
}

/** There is no such name, as opposed to nobody who could tell. */
function isFinal(error: Error & { readonly code?: unknown }): boolean {
  return error.code === "ENOTFOUND";
}

function noAddress(hostname: string): Error {
  return Object.assign(new Error(`${hostname} has no address`), { code: "ENOTFOUND" });
}
