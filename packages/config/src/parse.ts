/** Text to config: read, look for what is unknown, validate, build. Every error at once. */
import { check } from "./check.ts";
import type { Config } from "./config.ts";
import { type ReadOptions, readText } from "./read.ts";
import { buildConfig, rootSchema, type SchemaParts } from "./schema/root.ts";
import type { ConfigSource } from "./source.ts";

export interface ParseOptions extends ReadOptions, SchemaParts {}

export interface ParsedConfig {
  readonly config: Config;
  readonly source: ConfigSource;
}

/**
 * Reads YAML 1.2 or JSON. `$VAR` is expanded inside strings, except where a string is a key: its source gets that text.
 * Throws ConfigErrors with every error, in file order.
 */
export function parseConfig(text: string | Uint8Array, options: ParseOptions): ParsedConfig {
  const read = readText(text, options);
  return { config: buildConfig(check(rootSchema(options), read)), source: read.source };
}
