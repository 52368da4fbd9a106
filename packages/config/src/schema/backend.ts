/** `backends:`, where a route's requests go: a model's provider, or a plain host. */
import * as v from "valibot";
import type { AiProvider, Backend } from "../config.ts";
import type { Path } from "../errors.ts";
import { exactlyOne, oneOf } from "./choice.ts";
import { described, fields, may, must, noted } from "./notes.ts";
import { type backendPoliciesSchema, buildBackendPolicies } from "./policies.ts";
import { aiNotYet, backendNotYet, providerFieldsNotYet, providersNotYet } from "./unsupported.ts";
import { nonEmptyText, target, urlPath, wholeNumber } from "./values.ts";

/** What this package needs of a provider. `@keybearer/providers`' Provider is one. */
export interface ProviderSchema {
  /** The word in YAML: `provider: { <name>: ... }`. */
  readonly name: string;
  /** What stands below the word. */
  readonly schema: v.GenericSchema;
}

type PoliciesSchema = ReturnType<typeof backendPoliciesSchema>;

export function backendSchema(providers: readonly ProviderSchema[], policies: PoliciesSchema) {
  return v.pipe(
    fields(
      {
        ai: may(aiSchema(providers, policies), "A provider of models."),
        host: may(target, "`host:port` of any HTTP server; port 443 means TLS."),
        weight: may(wholeNumber(0, 1_000_000), "Share of the requests, relative to the other backends; 1 by default."),
        policies: may(policies, "Policies for this backend; they go before the route's."),
      },
      { notYet: backendNotYet, exactlyOne: ["ai", "host"] },
    ),
    exactlyOne(["ai", "host"]),
  );
}

function aiSchema(providers: readonly ProviderSchema[], policies: PoliciesSchema) {
  return fields(
    {
      name: may(nonEmptyText, "Its name in logs and metrics."),
      provider: must(providerSchema(providers), "Which provider, and what it is told."),
      hostOverride: may(
        target,
        "`host:port` in place of the provider's own; without TLS unless backendTLS or port 443.",
      ),
      pathOverride: may(urlPath, "Path in place of the provider's own, query included."),
      pathPrefix: may(urlPath, "What stands in place of the provider's /v1."),
      policies: may(policies, "Policies for this provider; they go before the backend's."),
    },
    { notYet: aiNotYet },
  );
}

function providerSchema(providers: readonly ProviderSchema[]) {
  const known = providers.map(({ name }) => name);
  const entries: Record<string, ReturnType<typeof described>> = {};
  for (const { name, schema } of providers) {
    entries[name] = described(
      noted(schema, { notYet: providerFieldsNotYet[name] ?? [], fix: `write ${name}: {}` }),
      `The provider \`${name}\`.`,
    );
  }
  return v.pipe(
    oneOf(entries, {
      notYet: providersNotYet.filter((name) => !known.includes(name)),
      fix: `write provider: { ${known[0] ?? "name"}: {} }`,
    }),
    v.transform((words: Readonly<Record<string, unknown>>) => {
      const [word = "", settings] = Object.entries(words)[0] ?? [];
      return { word, settings };
    }),
  );
}

type Given = v.InferOutput<ReturnType<typeof backendSchema>>;

export function buildBackend(given: Given, path: Path): Backend {
  const policies = buildBackendPolicies(given.policies, [...path, "policies"]);
  const common = { path, weight: given.weight ?? 1, policies };
  if (given.ai === undefined) return { ...common, host: given.host ?? "" };
  return { ...common, ai: buildAi(given.ai, [...path, "ai"]) };
}

function buildAi(given: NonNullable<Given["ai"]>, path: Path): AiProvider {
  const { word, settings } = given.provider;
  return {
    path,
    name: given.name,
    provider: { path: [...path, "provider", word], word, settings },
    hostOverride: given.hostOverride,
    pathOverride: given.pathOverride,
    pathPrefix: given.pathPrefix,
    policies: buildBackendPolicies(given.policies, [...path, "policies"]),
  };
}
