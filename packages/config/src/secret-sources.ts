/** Which modules a config names for its key sources: read first, since what they bring is needed to read the rest. */
import { check } from "./check.ts";
import type { SecretSourceModule } from "./config.ts";
import { isMap } from "./kind.ts";
import { type ReadOptions, readText } from "./read.ts";
import { buildModules } from "./schema/modules.ts";
import { modulesSchema } from "./schema/root.ts";
import type { ConfigSource } from "./source.ts";

export interface SecretSourceList {
  readonly specifiers: readonly SecretSourceModule[];
  /** To place an error of a module that cannot be loaded. */
  readonly source: ConfigSource;
}

/**
 * Looks at `secretSources:` alone. Throws ConfigErrors for a file that cannot be read as YAML and for what is wrong in that
 * list; then `parseConfig` with `unloadedSources` tells everything else that is wrong as well.
 */
export function readSecretSources(text: string | Uint8Array, options: ReadOptions): SecretSourceList {
  const { value, problems, source } = readText(text, options);
  const own = problems.filter(({ path }) => path[0] === "secretSources");
  const given = isMap(value) ? value["secretSources"] : undefined;
  const part = given === undefined ? {} : { secretSources: given };
  const { secretSources } = check(modulesSchema, { value: part, problems: own, source });
  return { specifiers: buildModules(secretSources), source };
}
