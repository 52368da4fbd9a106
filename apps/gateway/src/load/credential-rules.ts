/** What a config must not do with a key: send it in clear text, let a modifier touch it, put two in one place. */
import type { BackendAuth, BackendPolicies } from "@keybearer/config";
import { headerPlacement, placementAt, type Placement } from "@keybearer/providers";
import { isCleartext, namesIn, originOf, type BackendDefinition } from "@keybearer/proxy";
import { providers } from "../providers.ts";
import type { TranslationContext } from "./translate.ts";

/** `levels`: the backend's policies, the innermost first. */
export function checkCredential(
  backend: BackendDefinition,
  auth: BackendAuth,
  levels: readonly BackendPolicies[],
  context: TranslationContext,
): void {
  const provider = backend.kind === "ai" ? providers.find(({ name }) => name === backend.provider) : undefined;
  const origin = originOf(backend, provider?.origin);
  if (isCleartext(origin) && !auth.allowCleartext) {
    context.errors.push(
      context.source.error(auth.path, {
        code: "KEY_IN_CLEARTEXT",
        message: `the key would travel to ${origin.endpoint} unencrypted`,
        found: `${origin.url}, which is neither this machine nor a private network`,
        fix: "use port 443 or backendTLS: {}; or, if you accept it, backendAuth.allowCleartext: true",
      }),
    );
  }
  const placements = (backend.credential?.entries ?? []).map(({ location }) =>
    location ? placementAt(location) : (provider?.placement ?? headerPlacement("authorization")),
  );
  refuseModifiers(placements, levels, context);
  refuseCollisions(placements, auth, context);
}

function refuseModifiers(
  placements: readonly Placement[],
  levels: readonly BackendPolicies[],
  { errors, source }: TranslationContext,
): void {
  const placed = new Set(placements.map(({ header }) => header));
  for (const { requestHeaderModifier: modifier } of levels) {
    const touched = modifier && namesIn(modifier).find((name) => placed.has(name));
    if (!modifier || touched === undefined) continue;
    errors.push(
      source.error(modifier.path, {
        code: "MODIFIER_ON_CREDENTIAL",
        message: `this modifier touches the header ${touched}, in which the key is sent`,
        fix: `take ${touched} out of it; backendAuth alone writes that header`,
      }),
    );
  }
}

function refuseCollisions(
  placements: readonly Placement[],
  auth: BackendAuth,
  { errors, source }: TranslationContext,
): void {
  const headers = placements.flatMap(({ header }) => (header === undefined || header === "cookie" ? [] : [header]));
  const twice = headers.find((header, index) => headers.indexOf(header) !== index);
  if (twice === undefined) return;
  errors.push(
    source.error(auth.path, {
      code: "CREDENTIALS_COLLIDE",
      message: `two credentials would be sent in the header ${twice}`,
      fix: "give each a location of its own",
    }),
  );
}
