/** From a config's text to everything that a start needs: the definition, the keys, the settings. All errors at once. */
import {
  applyEnvironment,
  ConfigErrors,
  parseConfig,
  type ConfigError,
  type Location,
  type Settings,
} from "@keybearer/config";
import type { GatewayDefinition } from "@keybearer/proxy";
import type { Env, SecretHandle, SecretSource } from "@keybearer/secrets";
import type { ConfigText } from "../config-text.ts";
import { providers, sources as ownSources } from "../implementations.ts";
import { openKeys } from "./open-keys.ts";
import { readTlsFiles } from "./tls-files.ts";
import { translate } from "./translate.ts";

export interface LoadOptions {
  readonly env: Env;
  readonly settingsEnv: Readonly<Record<string, string | undefined>>;
  readonly sources?: readonly SecretSource[];
  /** Where relative paths are looked up after the config's own directory. */
  readonly workingDirectory: string;
  /** False: keys are not looked up, on a machine that has none. */
  readonly readKeys: boolean;
  /** Hears of a key that could not be read again later. */
  readonly report: (error: unknown) => void;
}

export interface LoadedKey {
  readonly id: string;
  readonly name: string;
  /** The source's word, or `passthrough`. */
  readonly source: string;
  /** Undefined for a passed-through token, and when keys were not to be read. */
  readonly handle: SecretHandle | undefined;
  /** Where a passed-through token is taken from, if at one place only. */
  readonly from: Location | undefined;
  /** `config.yaml:13:16`. */
  readonly place: string;
}

export interface Loaded {
  readonly settings: Settings;
  readonly definition: GatewayDefinition;
  readonly keys: readonly LoadedKey[];
  readonly notices: readonly string[];
  /** Lets go of the keys. */
  close(): Promise<void>;
}

/** Throws ConfigErrors. */
export async function loadConfig(text: ConfigText, options: LoadOptions): Promise<Loaded> {
  // A source from outside comes first: a bare string that it claims would else be inline's.
  const sources = [...(options.sources ?? []), ...ownSources];
  const { config, source } = parseConfig(text.bytes, {
    fileName: text.name,
    lookup: (name) => options.env.get(name),
    sources,
    providers,
  });
  const settings = applyEnvironment(config.config, (name) => options.settingsEnv[name]);
  const directories = [text.directory, options.workingDirectory];
  const translation = translate(config, source, await readTlsFiles(config, source, directories));
  const closing = new AbortController();
  const opened = await openKeys(options.readKeys ? translation.credentials : [], {
    sources,
    source,
    text,
    directories,
    env: options.env,
    fingerprintKey: settings.fingerprintKey,
    signal: closing.signal,
    report: options.report,
    providerOf: (id) => providerOf(translation.definition, id),
  });
  const close = async (): Promise<void> => {
    closing.abort();
    await Promise.all([...opened.handles.values()].map((handle) => handle[Symbol.asyncDispose]()));
  };
  const errors = [...translation.errors, ...opened.errors];
  if (errors.length > 0) {
    await close();
    throw new ConfigErrors(errors.toSorted(byPlace));
  }
  const keys = translation.credentials.map((request): LoadedKey => {
    const { line, column } = source.locate(request.path);
    const place = `${text.name}:${line}:${column}`;
    return request.kind === "key"
      ? { ...request, source: request.reference.source, handle: opened.handles.get(request.id), from: undefined, place }
      : { ...request, source: "passthrough", handle: undefined, place };
  });
  return {
    settings,
    definition: translation.definition,
    keys,
    notices: [...opened.notices, ...translation.notices],
    close,
  };
}

function byPlace(a: ConfigError, b: ConfigError): number {
  return (a.place?.offset ?? 0) - (b.place?.offset ?? 0);
}

function providerOf({ binds }: GatewayDefinition, id: string): string | undefined {
  const backends = binds.flatMap(({ listeners }) =>
    listeners.flatMap(({ routes }) => routes.flatMap((route) => route.backends)),
  );
  const backend = backends.find(({ credential }) => credential?.entries.some((entry) => entry.id === id));
  return backend?.kind === "ai" && backend.hostOverride === undefined ? backend.provider : undefined;
}
