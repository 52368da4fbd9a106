/** Loads one config after the other: keys that two of them name stay open in between. */
import type { Settings } from "@keybearer/config";
import { HandlePool, type Key } from "@keybearer/secrets";
import type { ConfigText } from "../config-text.ts";
import type { GatewayOptions } from "../gateway-options.ts";
import { loadConfig, type Loaded } from "../load/load.ts";
import type { LoadedModules } from "../load/modules.ts";
import type { PemFiles } from "../load/pem-files.ts";
import { knownKeys } from "../known-keys.ts";

/** Throws ConfigErrors. */
export type Loader = (text: ConfigText) => Promise<Loaded>;

/** `warn` hears of what could not be read again, and of what is worth knowing, later; `renewed` of new certificates. */
export function createLoader(
  options: GatewayOptions,
  warn: (text: string) => void,
  renewed: (text: string) => void,
): Loader {
  const report = (error: unknown): void =>
    warn(knownKeys.scrubForeign(error instanceof Error ? error.message : String(error)));
  const pool = new HandlePool<Key>(report);
  const pems = new HandlePool<PemFiles>(report);
  const modules: LoadedModules = new Map();
  let started: Settings | undefined;
  return async (text) => {
    const loaded = await loadConfig(text, {
      env: options.env ?? { get: () => undefined },
      settingsEnv: options.settingsEnv ?? {},
      sources: options.sources ?? [],
      workingDirectory: options.workingDirectory ?? process.cwd(),
      readKeys: true,
      report,
      notice: warn,
      renewed,
      pool,
      pems,
      started,
      modules,
    });
    started ??= loaded.settings;
    return loaded;
  };
}
