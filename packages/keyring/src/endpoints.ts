/** Several endpoints for one purpose, in tiers of preference: which one serves a request, and which are left alone for a while. */
import { createSeal, type Clock, type Outcome, type RequestFacts } from "@keybearer/secrets";
import { KeyringError } from "./errors.ts";
import { createKeyring } from "./keyring.ts";
import type { Keyring } from "./settings.ts";
import type { KeyState } from "./state/key-state.ts";

export interface EndpointSettings {
  /** Unique among all tiers. */
  readonly name: string;
  /** Its place in the state: `assignSlots`. */
  readonly slot: number;
}

export interface EndpointsSettings {
  /** The preferred first; the endpoints of a tier share the requests. */
  readonly tiers: readonly (readonly EndpointSettings[])[];
  readonly state: KeyState;
  readonly clock: Clock;
  /** From 0 up to 1. */
  readonly random: () => number;
}

export interface EndpointLease {
  readonly name: string;
  /** Only what concerns the endpoint itself puts it to rest: overload, and a connection that cannot be had. */
  release(outcome: Outcome): void;
  /** A request that goes on from this response gets this endpoint first. */
  pin(responseId: string): void;
}

/** The same machinery as for keys: a conversation stays where it is, load is bounded, and what rests comes back by a single try. */
export interface Endpoints {
  /** Undefined: each is in `tried`. One that rests serves where no other is left: no request fails for the sake of a guess. */
  acquire(request: RequestFacts, tried: readonly string[]): EndpointLease | undefined;
}

/** Throws TypeError and RangeError for settings that cannot be. */
export function createEndpoints({ tiers, state, clock, random }: EndpointsSettings): Endpoints {
  // An endpoint has one version for ever, and no secret in it.
  const version = createSeal({ source: "endpoint", clock })("endpoint");
  const handle = { current: () => version };
  const rings = tiers.map((endpoints) =>
    createKeyring({
      keys: endpoints.map(({ name, slot }) => ({ name, slot, source: "endpoint", handle })),
      state,
      clock,
      random,
      minimumHealthy: 0,
      crowds: false,
    }),
  );
  const names = tiers.flatMap((endpoints) => endpoints.map(({ name }) => name));
  return {
    acquire(request, tried) {
      for (const ring of rings) {
        const lease = take(ring, request, tried);
        if (lease) return lease;
      }
      const name = names.find((each) => !tried.includes(each));
      return name === undefined ? undefined : { name, release: nothing, pin: nothing };
    },
  };
}

function take(ring: Keyring, request: RequestFacts, tried: readonly string[]): EndpointLease | undefined {
  try {
    const lease = ring.acquire(request, tried);
    return {
      name: lease.name,
      release: (outcome) => lease.release(ofEndpoint(outcome)),
      pin: (responseId) => lease.pin(responseId),
    };
  } catch (error) {
    if (KeyringError.is(error)) return undefined;
    throw error;
  }
}

/** What a key would have to rest for, its endpoint does not: whoever refuses is there. */
function ofEndpoint(outcome: Outcome): Outcome {
  if (outcome.kind !== "refused") return outcome.kind === "answered" ? there : outcome;
  const { failure } = outcome;
  if (failure.scope !== "endpoint") return there;
  return { kind: "refused", failure: { ...failure, class: "limited", scope: "key" } };
}

function nothing(): void {}

const there: Outcome = { kind: "answered", status: 200 };
