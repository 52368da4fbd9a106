/** From a config's text to everything that a start needs: the definition, the keys, the settings. All errors at once. */
import {
  applyEnvironment,
  ConfigErrors,
  parseConfig,
  readSecretSources,
  type ConfigError,
  type Path,
  type Settings,
} from "@keybearer/config";
import { backendsOf, type GatewayDefinition } from "@keybearer/proxy";
import { HandlePool, type Env, type Key, type Notice, type SecretSource } from "@keybearer/secrets";
import type { ConfigText } from "../config-text.ts";
import { providers } from "../providers.ts";
import { sources as ownSources } from "../sources.ts";
import { ADMIN_TOKEN, adminPortErrors, adminTokenRequest } from "./admin-port.ts";
import type { CredentialRequest, KeyRequest } from "./credential-table.ts";
import { loadModules, type LoadedModules } from "./modules.ts";
import { openKeys, type OpenedKeys } from "./open-keys.ts";
import type { PemFiles } from "./pem-files.ts";
import { openTlsFiles, type LoadedPem } from "./tls-files.ts";
import { translate } from "./translate.ts";
import { whyUnread, type ReadingRules } from "./unread.ts";

export interface LoadOptions {
  readonly env: Env;
  readonly settingsEnv: Readonly<Record<string, string | undefined>>;
  readonly sources?: readonly SecretSource[];
  /** Where relative paths are looked up after the config's own directory. */
  readonly workingDirectory: string;
  /** False: keys are not looked up, on a machine that has none. */
  readonly readKeys: boolean;
  /** Where keys are not looked up: the admin token is, all the same. */
  readonly readAdminToken?: boolean;
  /** False: no program is run and no module loaded; keys that need one stay unread. True by default. */
  readonly runSources?: boolean;
  /** False: no store is asked over the network. True by default. */
  readonly online?: boolean;
  /** Whoever looks at a config, and does not run it, wants all of it: errors are handed back, no key is waited for. */
  readonly tolerant?: boolean;
  /** Hears of a key that could not be read again later. */
  readonly report: (error: unknown) => void;
  /** Hears of what is worth knowing and comes after the load: a key that has grown old. */
  readonly notice?: (text: string) => void;
  /** Hears of certificates that were replaced. */
  readonly renewed?: (text: string) => void;
  /** Keys that the config before this one holds open. A pool of its own by default. */
  readonly pool?: HandlePool<Key>;
  /** Certificates that the config before this one holds open. A pool of its own by default. */
  readonly pems?: HandlePool<PemFiles>;
  /** The settings of the start, some of which no reload changes. */
  readonly started?: Settings | undefined;
  /** What `secretSources` brought in before; none by default. */
  readonly modules?: LoadedModules;
}

/** A key of ours, or the place of a caller's. */
export interface LoadedKey {
  readonly id: string;
  readonly name: string;
  /** The source's word, or `passthrough`. */
  readonly source: string;
  /** Undefined for a passed-through token, and when keys were not to be read. */
  readonly handle: Key | undefined;
  /** `config.yaml:13:16`. */
  readonly place: string;
  /** Why it was left unread. */
  readonly unread: string | undefined;
  /** Why it could not be read; of a tolerant load. */
  readonly failure: ConfigError | undefined;
  /** What its source had to say at the load. */
  readonly notices: readonly Notice[];
}

export interface Loaded {
  readonly settings: Settings;
  readonly definition: GatewayDefinition;
  readonly keys: readonly LoadedKey[];
  /** What the definition's credential ids stand for. */
  readonly credentials: readonly CredentialRequest[];
  readonly notices: readonly string[];
  /** Certificates and their keys. */
  readonly pems: readonly LoadedPem[];
  /** What is wrong, but for keys that could not be read; of a tolerant load. */
  readonly errors: readonly ConfigError[];
  /** What the admin port asks for; undefined: nothing, or it was not to be read. */
  readonly adminToken: Key | undefined;
  /** `config.yaml:13:16`. */
  readonly placeOf: (path: Path) => string;
  /** Lets go of keys and certificates. */
  close(): Promise<void>;
}

/** How long a key may take that is looked at, and not waited for. */
const LOOK_MS = 10_000;

/** Throws ConfigErrors. */
export async function loadConfig(text: ConfigText, options: LoadOptions): Promise<Loaded> {
  const { runSources = true, online = true, tolerant = false, modules = new Map(), started } = options;
  const reading = { fileName: text.name, lookup: (name: string) => options.env.get(name) };
  const listed = readSecretSources(text.bytes, reading);
  const own = runSources
    ? await loadModules(listed.specifiers, listed.source, text.directory, modules, started !== undefined)
    : [];
  // A source from outside comes first: a bare string that it claims would else be inline's.
  const sources = [...(options.sources ?? []), ...own, ...ownSources];
  const unloadedSources = !runSources && listed.specifiers.length > 0;
  const { config, source } = parseConfig(text.bytes, { ...reading, sources, providers, unloadedSources });
  const settings = applyEnvironment(config.config, (name) => options.settingsEnv[name]);
  const directories = [text.directory, options.workingDirectory];
  const tlsFiles = await openTlsFiles(config, {
    source,
    directories,
    pool: options.pems ?? new HandlePool<PemFiles>(options.report),
    report: options.report,
    renewed: options.renewed ?? (() => undefined),
  });
  const translation = translate(config, source, tlsFiles);
  const { credentials, definition } = translation;
  const all = credentials.flatMap((credential) => (credential.kind === "keyring" ? credential.keys : []));
  const unread = new Map(all.map(({ id, reference }) => [id, whyUnread(reference, { runSources, online })]));
  const token = adminTokenRequest(settings, config).filter(
    ({ reference }) => whyUnread(reference, { runSources, online }) === undefined,
  );
  const requests = [
    ...(options.readKeys ? all.filter(({ id }) => unread.get(id) === undefined) : []),
    ...(options.readKeys || options.readAdminToken ? token : []),
  ]
    .map((request) => withReadable(request, { runSources, online }))
    .map((request) => (tolerant ? withoutWait(request) : request));
  const opened = await openKeys(requests, {
    sources,
    source,
    text,
    directories,
    env: options.env,
    fingerprintKey: (started ?? settings).fingerprintKey,
    pool: options.pool ?? new HandlePool<Key>(options.report),
    report: options.report,
    notice: options.notice ?? (() => undefined),
    providerOf: providersIn(definition, credentials),
  });
  const close = async (): Promise<void> => {
    await Promise.all([tlsFiles.close(), ...[...opened.leases.values()].map((lease) => lease.release())]);
  };
  const found = [...translation.errors, ...adminPortErrors(settings, source)];
  const errors = [...found, ...opened.failures.values()];
  if (errors.length > 0 && !tolerant) {
    await close();
    throw new ConfigErrors(errors.toSorted(byPlace));
  }
  const placeOf = (path: Path): string => {
    const { line, column } = source.locate(path);
    return `${text.name}:${line}:${column}`;
  };
  return {
    settings,
    definition,
    credentials,
    keys: loadedKeys(credentials, opened, unread, placeOf),
    pems: tlsFiles.opened,
    notices: [...opened.notices, ...translation.notices],
    errors: found.toSorted(byPlace),
    adminToken: opened.leases.get(ADMIN_TOKEN)?.handle,
    placeOf,
    close,
  };
}

function loadedKeys(
  credentials: readonly CredentialRequest[],
  opened: OpenedKeys,
  unread: ReadonlyMap<string, string | undefined>,
  placeOf: (path: Path) => string,
): LoadedKey[] {
  return credentials.flatMap((credential) => {
    const keys =
      credential.kind === "passthrough"
        ? [{ ...credential, source: "passthrough" }]
        : credential.keys.map(({ reference, ...key }) => ({ ...key, source: reference.source }));
    return keys.map(({ id, name, source, path }) => ({
      id,
      name,
      source,
      handle: opened.leases.get(id)?.handle,
      place: placeOf(path),
      unread: unread.get(id),
      failure: opened.failures.get(id),
      notices: opened.noticesOf.get(id) ?? [],
    }));
  });
}

/** The key before this one is left out where it may not be read. */
function withReadable(request: KeyRequest, rules: ReadingRules): KeyRequest {
  const { previous } = request;
  return previous && whyUnread(previous, rules) !== undefined ? { ...request, previous: undefined } : request;
}

function withoutWait(request: KeyRequest): KeyRequest {
  const { policy } = request;
  const startupTimeoutMs = Math.min(policy.startupTimeoutMs, LOOK_MS);
  return { ...request, policy: { ...policy, startup: "fail", startupTimeoutMs } };
}

function byPlace(a: ConfigError, b: ConfigError): number {
  return (a.place?.offset ?? 0) - (b.place?.offset ?? 0);
}

/** The provider whose own address a key goes to, by its request. */
function providersIn(
  { binds }: GatewayDefinition,
  credentials: readonly CredentialRequest[],
): (request: KeyRequest) => string | undefined {
  const backends = binds.flatMap(({ listeners }) => listeners.flatMap(({ routes }) => routes.flatMap(backendsOf)));
  return (request) => {
    const ring = credentials.find((each) => each.kind === "keyring" && each.keys.some((key) => key.id === request.id));
    const backend = backends.find(({ credential }) => credential?.entries.some(({ id }) => id === ring?.id));
    return backend?.kind === "ai" && backend.hostOverride === undefined ? backend.provider : undefined;
  };
}
