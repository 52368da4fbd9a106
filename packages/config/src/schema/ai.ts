/** `ai:` as a backend: one provider of models, or groups of them in order of preference. */
import * as v from "valibot";
import type { AiProvider, NamedAiProvider } from "../config.ts";
import type { KeyPolicy } from "../key-config.ts";
import type { Path } from "../errors.ts";
import { isMap } from "../kind.ts";
import { message } from "../problem.ts";
import { fieldPath, oneOf } from "./choice.ts";
import { described, fields, may, must, noted } from "./notes.ts";
import { type backendPoliciesSchema, buildBackendPolicies } from "./policies.ts";
import { indexPath, namePath } from "./unique.ts";
import { aiNotYet, providerFieldsNotYet, providersNotYet } from "./unsupported.ts";
import { nonEmptyText, target, urlPath, urlPathAndQuery } from "./values.ts";

/** What this package needs of a provider. `@keybearer/providers`' Provider is one. */
export interface ProviderSchema {
  /** The word in YAML: `provider: { <name>: ... }`. */
  readonly name: string;
  /** What stands below the word. */
  readonly schema: v.GenericSchema;
}

const groupsForm = "write groups: [{ providers: [...] }]";
const notEmpty = message("CONFIG_VALUE", "this list is empty");

export function aiSchema(providers: readonly ProviderSchema[], policies: ReturnType<typeof backendPoliciesSchema>) {
  const name = "Its name in logs and metrics.";
  const provider = providerSchema(providers);
  const providerHint = "Which provider, and what it is told.";
  const shared = {
    hostOverride: may(target, "`host:port` in place of the provider's own; without TLS unless backendTLS or port 443."),
    pathOverride: may(urlPathAndQuery, "Path in place of the provider's own, query included."),
    pathPrefix: may(urlPath, "What stands in place of the provider's /v1."),
    policies: may(policies, "Policies for this provider; they go before the backend's."),
  };
  const member = fields(
    { name: must(nonEmptyText, name), provider: must(provider, providerHint), ...shared },
    { notYet: aiNotYet },
  );
  const group = fields({
    providers: must(v.pipe(v.array(member), v.nonEmpty(notEmpty)), "Providers that share the requests."),
  });
  const groups = v.pipe(noted(v.array(group), { fix: groupsForm }), v.nonEmpty(notEmpty), uniqueMembers());
  return v.pipe(
    fields(
      {
        name: may(nonEmptyText, name),
        provider: may(provider, providerHint),
        ...shared,
        groups: may(groups, "Groups of providers, the preferred first; in place of all else here."),
      },
      { notYet: aiNotYet, exactlyOne: ["provider", "groups"] },
    ),
    oneOrGroups(),
  );
}

/** agentgateway takes `groups` alone or not at all. */
function oneOrGroups<Output extends object>() {
  return v.rawCheck<Output>(({ dataset, addIssue }) => {
    const given: unknown = dataset.value;
    if (!isMap(given)) return;
    if (!Object.hasOwn(given, "groups")) {
      if (Object.hasOwn(given, "provider")) return;
      addIssue({ message: message("CONFIG_MISSING_FIELD", "'provider' is missing"), path: fieldPath("provider") });
      return;
    }
    const fix = "write it at each provider of the groups; policies for all of them stand beside ai";
    for (const name of Object.keys(given).filter((name) => name !== "groups")) {
      const text = message("CONFIG_CONFLICT", `'${name}' stands beside 'groups'`, fix);
      addIssue({ message: text, path: fieldPath(name) });
    }
  });
}

/** Names are unique over all groups of a backend. */
function uniqueMembers<Output extends readonly unknown[]>() {
  return v.rawCheck<Output>(({ dataset, addIssue }) => {
    const groups: unknown = dataset.value;
    const seen = new Set<string>();
    for (const [index, group] of Array.isArray(groups) ? groups.entries() : []) {
      const members: unknown = isMap(group) ? group["providers"] : undefined;
      for (const [number, member] of Array.isArray(members) ? members.entries() : []) {
        const name: unknown = isMap(member) ? member["name"] : undefined;
        if (typeof name !== "string") continue;
        if (seen.has(name)) {
          addIssue({
            message: message("CONFIG_DUPLICATE", "this name is taken by another provider of these groups"),
            path: [indexPath(index), ...fieldPath("providers"), indexPath(number), namePath],
          });
        }
        seen.add(name);
      }
    }
  });
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

export type GivenAi = v.InferOutput<ReturnType<typeof aiSchema>>;
type GivenGroups = NonNullable<GivenAi["groups"]>;
type GivenMember = GivenGroups[number]["providers"][number];

export function buildGroups(
  groups: GivenGroups,
  path: Path,
  defaults: KeyPolicy,
): readonly (readonly NamedAiProvider[])[] {
  return groups.map(({ providers }, index) =>
    providers.map((member, number) => ({
      ...buildAi(member, [...path, "groups", index, "providers", number], defaults),
      name: member.name,
    })),
  );
}

export function buildAi(given: GivenAi | GivenMember, path: Path, defaults: KeyPolicy): AiProvider {
  const { word, settings } = given.provider ?? { word: "", settings: undefined };
  return {
    path,
    name: given.name,
    provider: { path: [...path, "provider", word], word, settings },
    hostOverride: given.hostOverride,
    pathOverride: given.pathOverride,
    pathPrefix: given.pathPrefix,
    policies: buildBackendPolicies(given.policies, [...path, "policies"], defaults),
  };
}
