/** The whole config as one schema, put together from the key sources and providers that there are. */
import * as v from "valibot";
import type { Config } from "../config.ts";
import { authSchema } from "./auth.ts";
import type { ProviderSchema } from "./ai.ts";
import { backendSchema } from "./backend.ts";
import { bindsSchema, buildBind } from "./bind.ts";
import { buildFrontend, frontendSchema } from "./frontend.ts";
import { buildDefaults, secretDefaultsSchema } from "./key-policy.ts";
import { keySchemas } from "./key.ts";
import { buildModules, secretSourcesSchema } from "./modules.ts";
import { fields, may, must } from "./notes.ts";
import { backendPoliciesSchema, routePoliciesSchema } from "./policies.ts";
import type { SourceParts } from "./reference.ts";
import { buildSettings, settingsSchema } from "./settings.ts";
import { rootNotYet } from "./unsupported.ts";

export interface SchemaParts extends SourceParts {
  readonly providers: readonly ProviderSchema[];
}

const secretSources = may(secretSourcesSchema, "Modules that bring key sources of your own: paths or packages.");

/** The root as far as it says which modules bring key sources. */
export const modulesSchema = fields({ secretSources });

export function rootSchema({ providers, ...parts }: SchemaParts) {
  const keys = keySchemas(parts);
  const auth = authSchema(keys);
  const backend = backendSchema(providers, backendPoliciesSchema(auth));
  return fields(
    {
      $schema: may(v.string(), "Where an editor finds the schema of this file."),
      config: may(settingsSchema(keys), "What concerns the process as a whole; read at start only."),
      secretSources,
      secretDefaults: may(secretDefaultsSchema, "How keys are kept that say nothing else."),
      frontendPolicies: may(frontendSchema, "What clients may ask for: how much, how many, for how long."),
      binds: must(bindsSchema({ backend, policies: routePoliciesSchema(auth) }), "Ports, and what is served on each."),
    },
    { notYet: rootNotYet, fix: "a config begins with binds:" },
  );
}

export function buildConfig(given: v.InferOutput<ReturnType<typeof rootSchema>>): Config {
  const secretDefaults = buildDefaults(given.secretDefaults);
  return {
    config: buildSettings(given.config, ["config"]),
    secretDefaults,
    secretSources: buildModules(given.secretSources),
    frontendPolicies: buildFrontend(given.frontendPolicies, ["frontendPolicies"]),
    binds: given.binds.map((bind, index) => buildBind(bind, ["binds", index], secretDefaults)),
  };
}
