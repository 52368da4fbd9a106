/** The PEM files that a config names, of its listeners and of `backendTLS`: opened, and held open over a reload. */
import type {
  AiProvider,
  Backend,
  BackendPolicies,
  BackendTls,
  Config,
  ConfigError,
  ConfigSource,
  ListenerTls,
  Path,
} from "@keybearer/config";
import { listenerTlsError, secureContextError, type ListenerDefinition, type UpstreamTls } from "@keybearer/proxy";
import type { HandleLease, HandlePool } from "@keybearer/secrets";
import { PemError, PemFiles, pemNames, present, type Pem, type PemFilesOptions, type PemName } from "./pem-files.ts";

/** Files that were opened, and what for. */
export interface LoadedPem {
  /** Where they stand: whoever names the same files has the same. */
  readonly id: string;
  readonly files: PemFiles;
  readonly use: "listener" | "backend";
  /** Where the config names them: the map, and each file in it. */
  readonly path: Path;
}

export interface TlsFiles {
  readonly errors: readonly ConfigError[];
  readonly opened: readonly LoadedPem[];
  /** Of a policy whose files were read; of those that could not be, nothing. */
  backend(tls: BackendTls): UpstreamTls;
  listener(tls: ListenerTls): NonNullable<ListenerDefinition["tls"]>;
  close(): Promise<void>;
}

export interface TlsFilesOptions extends Pick<PemFilesOptions, "directories"> {
  readonly source: ConfigSource;
  /** Files that an earlier config named too stay open, and what they last held that was good is kept. */
  readonly pool: HandlePool<PemFiles>;
  readonly report: (error: Error) => void;
  readonly renewed: (text: string) => void;
}

interface Request {
  readonly use: LoadedPem["use"];
  readonly tls: BackendTls | ListenerTls;
  readonly files: Pem;
  readonly check: (pem: Pem) => Error | undefined;
}

/** All of them, each once. */
export async function openTlsFiles(config: Config, options: TlsFilesOptions): Promise<TlsFiles> {
  const errors: ConfigError[] = [];
  const leases: HandleLease<PemFiles>[] = [];
  const opened = new Map<Request["tls"], LoadedPem>();
  for (const request of requestsIn(config)) {
    const { use, tls } = request;
    try {
      const lease = await acquire(request, options);
      leases.push(lease);
      const id = present(lease.handle.paths).map(([name, path]) => `${name} ${path}`);
      opened.set(tls, { id: id.join(", "), files: lease.handle, use, path: tls.path });
    } catch (error) {
      errors.push(...placed(error, tls.path, options.source));
    }
  }
  return {
    errors,
    opened: [...opened.values()],
    backend(tls) {
      const { hostname, insecure, insecureHost } = tls;
      return { ...opened.get(tls)?.files.current, hostname, insecure, insecureHost };
    },
    listener(tls) {
      const { root, minVersion, maxVersion, ciphers } = tls;
      const id = opened.get(tls)?.id ?? "";
      return { id, clientCertificates: root !== undefined, minVersion, maxVersion, ciphers };
    },
    close: async () => void (await Promise.all(leases.map((lease) => lease.release()))),
  };
}

function acquire({ use, files, check }: Request, { directories, pool, report, renewed }: TlsFilesOptions) {
  const identity = JSON.stringify([use, pemNames.map((name) => files[name] ?? null), directories]);
  return pool.acquire(identity, () => PemFiles.open({ files, directories, check, report, renewed }));
}

function requestsIn(config: Config): Request[] {
  const listeners = config.binds.flatMap((bind) => bind.listeners.flatMap(({ tls }) => tls ?? []));
  const backends = policiesIn(config).flatMap(({ backendTLS }) => backendTLS ?? []);
  return [
    ...listeners.map((tls): Request => ({ use: "listener", tls, files: filesOf(tls), check: listenerError(tls) })),
    ...backends.map((tls): Request => ({ use: "backend", tls, files: filesOf(tls), check: secureContextError })),
  ];
}

function listenerError({ root, minVersion, maxVersion, ciphers }: ListenerTls): Request["check"] {
  const more = { clientCertificates: root !== undefined, minVersion, maxVersion, ciphers };
  return ({ cert = "", key = "", root }) => listenerTlsError({ cert, key, root }, more);
}

function filesOf(tls: Pick<BackendTls, PemName>): Pem {
  return Object.fromEntries(pemNames.flatMap((name) => (tls[name] === undefined ? [] : [[name, tls[name]]])));
}

function placed(error: unknown, path: Path, source: ConfigSource): ConfigError[] {
  const all: readonly unknown[] = error instanceof AggregateError ? (error.errors as unknown[]) : [error];
  return all.map((each) => {
    if (!(each instanceof PemError)) throw each;
    const { kind, file, message, found, cause } = each;
    const at = file === undefined ? path : [...path, file];
    if (kind === "unreadable") return source.error(at, { code: "TLS_FILE_UNREADABLE", message, found, cause });
    const fix = "root and cert are certificates in PEM form, key is the private key of cert, without a passphrase";
    return source.error(at, { code: "TLS_FILE_INVALID", message, fix, cause });
  });
}

function policiesIn({ binds }: Config): BackendPolicies[] {
  const routes = binds.flatMap(({ listeners }) => listeners.flatMap((listener) => listener.routes));
  return routes.flatMap((route) => [
    route.policies,
    ...route.backends.flatMap((backend) => [backend.policies, ...providersIn(backend).map(({ policies }) => policies)]),
  ]);
}

function providersIn(backend: Backend): readonly AiProvider[] {
  if ("groups" in backend) return backend.groups.flat();
  return "ai" in backend ? [backend.ai] : [];
}
