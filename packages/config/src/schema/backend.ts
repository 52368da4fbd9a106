/** `backends:`, where a route's requests go: providers of models, or a plain host. */
import * as v from "valibot";
import type { Backend } from "../config.ts";
import type { KeyPolicy } from "../key-config.ts";
import type { Path } from "../errors.ts";
import { aiSchema, buildAi, buildGroups, type ProviderSchema } from "./ai.ts";
import { exactlyOne } from "./choice.ts";
import { fields, may } from "./notes.ts";
import { type backendPoliciesSchema, buildBackendPolicies } from "./policies.ts";
import { backendNotYet } from "./unsupported.ts";
import { target, wholeNumber } from "./values.ts";

export function backendSchema(
  providers: readonly ProviderSchema[],
  policies: ReturnType<typeof backendPoliciesSchema>,
) {
  return v.pipe(
    fields(
      {
        ai: may(aiSchema(providers, policies), "A provider of models, or groups of them."),
        host: may(target, "`host:port` of any HTTP server; port 443 means TLS."),
        weight: may(wholeNumber(0, 1_000_000), "Share of the requests, relative to the other backends; 1 by default."),
        policies: may(policies, "Policies for this backend; they go before the route's."),
      },
      { notYet: backendNotYet, exactlyOne: ["ai", "host"] },
    ),
    exactlyOne(["ai", "host"]),
  );
}

type Given = v.InferOutput<ReturnType<typeof backendSchema>>;

export function buildBackend(given: Given, path: Path, defaults: KeyPolicy): Backend {
  const policies = buildBackendPolicies(given.policies, [...path, "policies"], defaults);
  const common = { path, weight: given.weight ?? 1, policies };
  if (given.ai === undefined) return { ...common, host: given.host ?? "" };
  const here = [...path, "ai"];
  if (given.ai.groups !== undefined) return { ...common, groups: buildGroups(given.ai.groups, here, defaults) };
  return { ...common, ai: buildAi(given.ai, here, defaults) };
}
