/** The whole config as one schema, put together from the key sources and providers that there are. */
import * as v from "valibot";
import type { Config } from "../config.ts";
import { authSchema } from "./auth.ts";
import { backendSchema, type ProviderSchema } from "./backend.ts";
import { bindsSchema, buildBind } from "./bind.ts";
import { type KeySourceSchema, keySchemas } from "./key.ts";
import { fields, may, must } from "./notes.ts";
import { backendPoliciesSchema, routePoliciesSchema } from "./policies.ts";
import { buildSettings, settingsSchema } from "./settings.ts";
import { rootNotYet } from "./unsupported.ts";

export interface SchemaParts {
  /** A bare string goes to the first of them that claims it. */
  readonly sources: readonly KeySourceSchema[];
  readonly providers: readonly ProviderSchema[];
}

export function rootSchema({ sources, providers }: SchemaParts) {
  const auth = authSchema(keySchemas(sources));
  const backend = backendSchema(providers, backendPoliciesSchema(auth));
  return fields(
    {
      $schema: may(v.string(), "Where an editor finds the schema of this file."),
      config: may(settingsSchema, "What concerns the process as a whole; read at start only."),
      binds: must(bindsSchema({ backend, policies: routePoliciesSchema(auth) }), "Ports, and what is served on each."),
    },
    { notYet: rootNotYet, fix: "a config begins with binds:" },
  );
}

export function buildConfig(given: v.InferOutput<ReturnType<typeof rootSchema>>): Config {
  return {
    config: buildSettings(given.config),
    binds: given.binds.map((bind, index) => buildBind(bind, ["binds", index])),
  };
}
