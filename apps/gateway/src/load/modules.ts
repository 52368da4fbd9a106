/** `secretSources`: key sources of the operator's own, loaded from modules once, at the start. */
import { createRequire } from "node:module";
import { isAbsolute, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ConfigErrors, type ConfigError, type ConfigSource, type SecretSourceModule } from "@keybearer/config";
import type { SecretSource } from "@keybearer/secrets";
import { systemCode } from "../errors.ts";
import { knownKeys } from "../known-keys.ts";
import { lendOwnPackages } from "./own-packages.ts";

/** By specifier. Handed in again at a reload, which brings in no new code. */
export type LoadedModules = Map<string, readonly SecretSource[]>;

/** Throws ConfigErrors. `directory`: the config's. */
export async function loadModules(
  modules: readonly SecretSourceModule[],
  source: ConfigSource,
  directory: string,
  loaded: LoadedModules,
  isReload: boolean,
): Promise<readonly SecretSource[]> {
  const errors: ConfigError[] = [];
  if (modules.length > 0) lendOwnPackages();
  for (const { path, specifier } of modules) {
    if (loaded.has(specifier)) continue;
    try {
      if (isReload) throw new Error("a reload brings in no new module: restart for it");
      loaded.set(specifier, await importSources(specifier, directory));
    } catch (cause) {
      const why = knownKeys.scrubForeign(
        cause instanceof Error ? (cause.message.split("\n", 1)[0] ?? "") : String(cause),
      );
      const message = `cannot load ${specifier}: ${why}`;
      errors.push(source.error(path, { code: "SECRET_SOURCE_MODULE", message, fix: fixFor(cause), cause }));
    }
  }
  if (errors.length > 0) throw new ConfigErrors(errors);
  return modules.flatMap(({ specifier }) => loaded.get(specifier) ?? []);
}

/** Node looks for packages beside the module and above it, not where the gateway is. */
function fixFor(cause: unknown): string {
  const isMissing = systemCode(cause) === "ERR_MODULE_NOT_FOUND" && cause instanceof Error;
  const name = isMissing ? /^Cannot find package '([^']+)'/.exec(cause.message)?.[1] : undefined;
  if (name !== undefined) return `in the module's folder, or in one above it: npm install ${name}`;
  return "a module exports what defineSecretSource() of @keybearer/secrets returns, by default or by name";
}

async function importSources(specifier: string, directory: string): Promise<readonly SecretSource[]> {
  const module: Readonly<Record<string, unknown>> = await import(urlOf(specifier, directory));
  const sources = [...new Set(Object.values(module))].filter(isSource);
  if (sources.length === 0) throw new Error("it exports no key source");
  return sources;
}

/** A path from the config's directory, or a package that is installed where the config is. */
function urlOf(specifier: string, directory: string): string {
  const isPath = specifier.startsWith(".") || isAbsolute(specifier);
  const file = isPath
    ? resolve(directory, specifier)
    : createRequire(join(directory, "config.yaml")).resolve(specifier);
  return pathToFileURL(file).href;
}

function isSource(value: unknown): value is SecretSource {
  if (typeof value !== "object" || value === null) return false;
  const { name, schema, open }: { name?: unknown; schema?: unknown; open?: unknown } = value;
  return typeof name === "string" && typeof schema === "object" && schema !== null && typeof open === "function";
}
