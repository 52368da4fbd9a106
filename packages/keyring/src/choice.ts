/** In which order the keys are asked: by conversation, in turn, or as they stand. */
import type { RequestFacts } from "@keybearer/secrets";
import type { Entry } from "./entry.ts";
import { hashText, mix, type Hash } from "./hash.ts";
import type { Strategy } from "./settings.ts";

/**
 * A choice among the keys that may serve. `begin` once for a request, then `next` until one is taken: -1 where none is left.
 * `isOpen` tells which keys are left; `loads` holds the requests in flight of each.
 */
export interface Choice {
  begin(request: RequestFacts): void;
  next(isOpen: (at: number) => boolean, loads: Int32Array): number;
}

export function choiceOf(strategy: Strategy, entries: readonly Entry[], random: () => number): Choice {
  // Of one key there is no choice, and nothing has to be known of the request.
  if (strategy === "ordered" || entries.length === 1) return inOrder(entries);
  return strategy === "roundRobin" ? inTurn(entries, random) : byConversation(entries, random);
}

function inOrder(entries: readonly Entry[]): Choice {
  return {
    begin: () => undefined,
    next: (isOpen) => entries.findIndex((_, at) => isOpen(at)),
  };
}

/** Smooth weighted round robin, as nginx does it. Each thread takes its own turns, from a place of its own. */
function inTurn(entries: readonly Entry[], random: () => number): Choice {
  const credit = Float64Array.from(entries, ({ weight }) => weight * random());
  return {
    begin: () => undefined,
    next(isOpen) {
      let best = -1;
      let total = 0;
      for (const { at, weight } of entries) {
        if (!isOpen(at)) continue;
        total += weight;
        credit[at] = (credit[at] ?? 0) + weight;
        if (best === -1 || (credit[at] ?? 0) > (credit[best] ?? 0)) best = at;
      }
      if (best !== -1) credit[best] = (credit[best] ?? 0) - total;
      return best;
    },
  };
}

/** A key is busy when it has a quarter more than its share in flight, and one, and four at least. */
const SHARE_FACTOR = 1.25;
const NEVER_BUSY_BELOW = 4;

/**
 * Rendezvous hashing (Thaler and Ravishankar 1998) with weights (Schindelhauer and Schomaker 2005): each key draws a number
 * from the conversation, and the lowest serves. Whoever knows the same names and weights comes to the same key. A key that
 * is busy is passed over (Mirrokni et al. 2016). A request of no known conversation draws from chance.
 */
function byConversation(entries: readonly Entry[], random: () => number): Choice {
  const hash: Hash = { first: 0, second: 0 };
  const draws = new Float64Array(entries.length);
  // The logarithm turns weights into chances. Among equals it changes no order, and it is most of the cost.
  const areEqual = entries.every(({ weight }) => weight === 0 || weight === weightOf(entries));
  return {
    begin({ conversation, caller }) {
      if (conversation === undefined) hash.first = (random() * 2 ** 32) | 0;
      else hashText(conversation, hash, hashText(caller ?? "", hash).first);
      for (const { at, seed, weight } of entries) {
        // In between 0 and 1, neither of them.
        const share = ((mix(hash.first ^ seed) >>> 0) + 0.5) / 2 ** 32;
        draws[at] = areEqual ? 1 - share : -Math.log(share) / weight;
      }
    },
    next(isOpen, loads) {
      let total = 1;
      let weights = 0;
      for (const { at, weight } of entries) {
        if (!isOpen(at)) continue;
        total += loads[at] ?? 0;
        weights += weight;
      }
      let best = -1;
      let bestOfAll = -1;
      for (const { at, weight } of entries) {
        if (!isOpen(at)) continue;
        const draw = draws[at] ?? Infinity;
        if (bestOfAll === -1 || draw < (draws[bestOfAll] ?? Infinity)) bestOfAll = at;
        const most = Math.max(Math.ceil((SHARE_FACTOR * total * weight) / weights) + 1, NEVER_BUSY_BELOW);
        if ((loads[at] ?? 0) < most && (best === -1 || draw < (draws[best] ?? Infinity))) best = at;
      }
      return best === -1 ? bestOfAll : best;
    },
  };
}

/** Of the first key that is in service. */
function weightOf(entries: readonly Entry[]): number {
  return entries.find(({ weight }) => weight > 0)?.weight ?? 0;
}
