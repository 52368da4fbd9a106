/** `keys:`, several keys for one backend, and which of them a request gets. */
import * as v from "valibot";
import type { KeyPolicy, KeyPool, PoolKey } from "../key-config.ts";
import type { Path } from "../errors.ts";
import { isMap } from "../kind.ts";
import { message } from "../problem.ts";
import { fieldPath } from "./choice.ts";
import { buildKey, type KeySchemas } from "./key.ts";
import { buildOptionalLocation, locationSchema } from "./location.ts";
import { fields, may, must, noted } from "./notes.ts";
import { valueForm } from "./reference.ts";
import { uniqueNames } from "./unique.ts";
import { readText, nonEmptyText, wholeNumber } from "./values.ts";

const keyName = readText(
  (text) => (/^[A-Za-z0-9][\w.-]{0,99}$/.test(text) ? text : undefined),
  "the name of a key",
  "use letters, digits, . - and _ only, a letter or digit first",
);

const modelPattern = readText(
  (text) => (/^(?:\*|\*?[!-)+-~]+|[!-)+-~]+\*)$/.test(text) ? text : undefined),
  "the name of a model, or a part of it with * at its start or end",
  "write it like gpt-4o, gpt-* or *-mini",
);

const listForm = "write keys: [{ key: ... }, { key: ... }]";

const poolKey = ({ unplaced }: KeySchemas) =>
  fields(
    {
      name: may(keyName, "Its name in logs, metrics and commands."),
      key: must(unplaced, "The key, or where it is to be had."),
      weight: may(wholeNumber(0, 1_000_000), "Share of the requests, relative to the others; 1 by default, 0: none."),
      models: may(
        v.pipe(v.array(modelPattern), v.nonEmpty(message("CONFIG_VALUE", "this list is empty"))),
        "Models that it may be used for: exact, or like gpt-*; by default all.",
      ),
      scope: may(nonEmptyText, "The account whose limits it shares; by default each key has its own."),
      maxConcurrent: may(wholeNumber(1, 1_000_000), "Requests that it may serve at once; no limit by default."),
      requestsPerMinute: may(
        wholeNumber(1, 1_000_000_000),
        "Requests that it may start in a minute; no limit by default.",
      ),
    },
    { misplaced: { location: "all keys of a list go to one place: write location beside keys" }, fix: listForm },
  );

/** `keys`, and what may stand beside them only. */
export function poolEntries(schemas: KeySchemas) {
  return {
    keys: may(
      v.pipe(
        noted(v.array(poolKey(schemas)), { fix: listForm }),
        v.nonEmpty(message("CONFIG_VALUE", "this list is empty")),
        uniqueNames("this name is taken by another key of this list"),
      ),
      "Several keys, of which each request gets one.",
    ),
    strategy: may(
      v.picklist(["affinity", "roundRobin", "ordered"]),
      "Which key: the same for a conversation (affinity, the default), each in turn, or the first that can.",
    ),
    location: may(locationSchema, "Where all of `keys` go; by default where the provider wants it."),
  };
}

/** Complains about what stands there without `keys`. */
export function besideKeys<Output extends object>() {
  return v.rawCheck<Output>(({ dataset, addIssue }) => {
    const given: unknown = dataset.value;
    if (!isMap(given) || Object.hasOwn(given, "keys")) return;
    if (Object.hasOwn(given, "location")) {
      const fix = Object.hasOwn(given, "passthrough") ? "write passthrough: { location: ... }" : valueForm("location");
      addIssue({
        message: message("CONFIG_MISPLACED_FIELD", "'location' has no effect here", fix),
        path: fieldPath("location"),
      });
    }
    if (Object.hasOwn(given, "strategy")) {
      const fix = `${listForm}, or remove it`;
      const text = message("CONFIG_MISPLACED_FIELD", "'strategy' has no effect without keys", fix);
      addIssue({ message: text, path: fieldPath("strategy") });
    }
  });
}

type Given = v.InferOutput<v.ObjectSchema<ReturnType<typeof poolEntries>, undefined>>;

export function buildPool({ keys, strategy, location }: Given, path: Path, defaults: KeyPolicy): KeyPool | undefined {
  if (keys === undefined) return undefined;
  const here = [...path, "keys"];
  return {
    path: here,
    strategy: strategy ?? "affinity",
    location: buildOptionalLocation(location),
    keys: keys.map((key, index) => buildPoolKey(key, [...here, index], defaults)),
  };
}

function buildPoolKey(given: NonNullable<Given["keys"]>[number], path: Path, defaults: KeyPolicy): PoolKey {
  const { name, weight = 1, models, scope, maxConcurrent, requestsPerMinute } = given;
  const key = buildKey(given.key, [...path, "key"], defaults);
  return { ...key, path, name, weight, models, scope, maxConcurrent, requestsPerMinute };
}
