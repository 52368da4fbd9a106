/** The backends that may serve a request: one, or several of which each is tried in turn until one can. */
import type { EndpointLease, Endpoints } from "@keybearer/keyring";
import type { Outcome, RequestFacts } from "@keybearer/secrets";
import { compileBackend, type Backend, type CompileContext } from "./backend.ts";
import type { BackendDefinition, BackendGroups, RoutePolicies } from "./definition.ts";
import { DefinitionError } from "./errors.ts";

export interface BackendChoice {
  readonly weight: number;
  /** In order of preference. */
  readonly backends: readonly Backend[];
  /** Undefined: there is one backend. */
  readonly endpoints: Endpoints | undefined;
  /** That one, which nobody keeps a record of. */
  readonly only: Candidate | undefined;
}

/** A backend, held by a request. */
export interface Candidate {
  readonly backend: Backend;
  release(outcome: Outcome): void;
  /** What goes on from this response of its comes here. */
  pin(responseId: string): void;
}

/** Throws DefinitionError. */
export function compileChoice(
  definition: BackendDefinition | BackendGroups,
  policies: RoutePolicies,
  context: CompileContext,
): BackendChoice {
  const { weight } = definition;
  if (definition.kind !== "groups") {
    const backend = compileBackend(definition, policies, context);
    return { weight, backends: [backend], endpoints: undefined, only: { backend, release: nothing, pin: nothing } };
  }
  const endpoints = context.endpoints(definition.id);
  if (!endpoints) throw new DefinitionError("UNKNOWN_ENDPOINTS", `no endpoints ${definition.id}`);
  const backends = definition.groups.flat().map((member) => compileBackend(member, policies, context));
  return { weight, backends, endpoints, only: undefined };
}

/** For one request. */
export class Candidates {
  readonly #choice: BackendChoice;
  readonly #facts: RequestFacts;
  #dropped: string[] = [];

  constructor(choice: BackendChoice, facts: RequestFacts) {
    this.#choice = choice;
    this.#facts = facts;
  }

  get areSeveral(): boolean {
    return this.#choice.endpoints !== undefined;
  }

  /** Whether a body that is relayed unread is worth keeping. */
  get areWorthAnother(): boolean {
    return this.areSeveral || this.#choice.backends.some(({ credentials }) => credentials.length > 0);
  }

  /** Undefined: each was dropped. */
  take(): Candidate | undefined {
    const { backends, endpoints, only } = this.#choice;
    if (endpoints) return candidateOf(backends, endpoints.acquire(this.#facts, this.#dropped));
    return this.#dropped.length === 0 ? only : undefined;
  }

  /** It cannot serve this request, or no more. */
  drop({ definition }: Backend): void {
    this.#dropped.push(definition.name);
  }

  /** Another is to have the next attempt, if there is one. */
  passOver(backend: Backend): void {
    this.drop(backend);
    if (this.#choice.backends.every(({ definition }) => this.#dropped.includes(definition.name))) this.reopen();
  }

  /** All may be tried once more. */
  reopen(): void {
    this.#dropped = [];
  }
}

function candidateOf(backends: readonly Backend[], lease: EndpointLease | undefined): Candidate | undefined {
  const backend = lease && backends.find(({ definition }) => definition.name === lease.name);
  if (!backend) return undefined;
  return { backend, release: (outcome) => lease.release(outcome), pin: (responseId) => lease.pin(responseId) };
}

function nothing(): void {}
