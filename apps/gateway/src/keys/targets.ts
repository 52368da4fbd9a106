/** Where each credential of a definition goes, and how: for a question about it that takes the way of its traffic. */
import { headerPlacement, placementAt, type Placement, type Provider } from "@keybearer/providers";
import {
  backendsOf,
  originOf,
  type BackendDefinition,
  type GatewayDefinition,
  type HeaderModifier,
  type Origin,
  type RouteDefinition,
  type UpstreamTls,
} from "@keybearer/proxy";
import type { CredentialRequest } from "../load/credential-table.ts";

/** One place that a keyring's keys are sent to. */
export interface KeyTarget {
  /** Id of the keyring. */
  readonly keyring: string;
  readonly backend: string;
  /** Undefined: a plain host, of which nothing is known. */
  readonly provider: Provider | undefined;
  readonly origin: Origin;
  readonly tls: UpstreamTls | undefined;
  readonly allowCleartext: boolean;
  /** Under which the provider's calls live there: `/v1`. */
  readonly basePath: string;
  /** Whether it is the provider's own address, and not one that the config names. */
  readonly isProvidersOwn: boolean;
  readonly placement: Placement;
  /** Keyrings whose keys the same request carries at other places. */
  readonly beside: readonly { readonly keyring: string; readonly placement: Placement }[];
  /** What traffic has changed in its headers, in order. */
  readonly modifiers: readonly HeaderModifier[];
}

/** Each once, in the order of the config. A caller's own token has none; the keyring for callers without one has. */
export function keyTargets(
  { binds }: GatewayDefinition,
  credentials: readonly CredentialRequest[],
  providers: readonly Provider[],
): KeyTarget[] {
  const keyringOf = new Map(credentials.map((each) => [each.id, each.kind === "keyring" ? each.id : each.otherwise]));
  const routes = binds.flatMap(({ listeners }) => listeners.flatMap((listener) => listener.routes));
  const targets = routes.flatMap((route) =>
    backendsOf(route).flatMap((backend) => targetsOf(backend, route, keyringOf, providers)),
  );
  const seen = new Map(targets.toReversed().map((target) => [identityOf(target), target]));
  return [...seen.values()].toReversed();
}

function targetsOf(
  backend: BackendDefinition,
  { policies }: RouteDefinition,
  keyringOf: ReadonlyMap<string, string | undefined>,
  providers: readonly Provider[],
): KeyTarget[] {
  const provider = backend.kind === "ai" ? providers.find(({ name }) => name === backend.provider) : undefined;
  const placed = (backend.credential?.entries ?? []).flatMap(({ id, location }) => {
    const keyring = keyringOf.get(id);
    const placement = location ? placementAt(location) : (provider?.placement ?? headerPlacement("authorization"));
    return keyring === undefined ? [] : [{ keyring, placement }];
  });
  const prefix = backend.kind === "ai" ? backend.pathPrefix : undefined;
  return placed.map((own) => ({
    ...own,
    backend: backend.name,
    provider,
    origin: originOf(backend, provider?.origin),
    tls: backend.tls,
    allowCleartext: backend.credential?.allowCleartext === true,
    basePath: (prefix ?? provider?.basePath ?? "").replace(/\/$/, ""),
    isProvidersOwn: backend.kind === "ai" && backend.hostOverride === undefined,
    beside: placed.filter((other) => other !== own),
    modifiers: [...(policies.requestHeaders ? [policies.requestHeaders] : []), ...backend.requestHeaders],
  }));
}

/** Two backends at one address are asked once. */
function identityOf({ keyring, provider, origin, tls, basePath, placement, beside, modifiers }: KeyTarget): string {
  const places = beside.map((other) => other.keyring);
  return JSON.stringify([keyring, provider?.name, origin.url, tls, basePath, placement.header, places, modifiers]);
}
