/** Which key made the response that a request goes on from: `previous_response_id` is known to that key's account alone. */
import type { RequestFacts } from "@keybearer/secrets";
import type { Entry } from "./entry.ts";
import { hashText, type Hash } from "./hash.ts";
import type { KeyState } from "./state/key-state.ts";

export class PinnedKeys {
  readonly #state: KeyState;
  readonly #entries: ReadonlyMap<number, Entry>;
  readonly #hash: Hash = { first: 0, second: 0 };

  constructor(entries: readonly Entry[], state: KeyState) {
    this.#state = state;
    this.#entries = new Map(entries.map((entry) => [entry.slot, entry]));
  }

  /** Undefined: the request goes on from nothing, or nobody here knows from what. */
  find(request: RequestFacts): Entry | undefined {
    if (this.#entries.size < 2) return undefined;
    const { previousResponse } = request;
    if (previousResponse === undefined) return undefined;
    return this.#state.pins.find(hashText(previousResponse, this.#hash), this.#entries);
  }

  pin(responseId: string, entry: Entry): void {
    if (this.#entries.size > 1) this.#state.pins.add(hashText(responseId, this.#hash), entry);
  }
}
