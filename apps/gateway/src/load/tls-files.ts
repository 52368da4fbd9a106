/** The PEM files that `backendTLS` names, read at load. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { BackendPolicies, BackendTls, Config, ConfigError, ConfigSource } from "@keybearer/config";
import { secureContextError, type UpstreamTls } from "@keybearer/proxy";
import { inWords, systemCode } from "../errors.ts";

export interface TlsFiles {
  readonly errors: readonly ConfigError[];
  /** Of a policy whose files were read; without those that could not be. */
  read(tls: BackendTls): UpstreamTls;
}

/** Reads them all, once each. Relative paths are looked up in `directories`, in order. */
export async function readTlsFiles(
  config: Config,
  source: ConfigSource,
  directories: readonly string[],
): Promise<TlsFiles> {
  const errors: ConfigError[] = [];
  const read = new Map<BackendTls, UpstreamTls>();
  for (const tls of policiesIn(config).flatMap(({ backendTLS }) => backendTLS ?? [])) {
    const texts: { cert?: string; key?: string; root?: string } = {};
    for (const name of ["cert", "key", "root"] as const) {
      const file = tls[name];
      if (file === undefined) continue;
      try {
        texts[name] = await readFirst(file, directories);
      } catch (cause) {
        errors.push(
          source.error([...tls.path, name], {
            code: "TLS_FILE_UNREADABLE",
            message: `cannot read ${file}: ${inWords(cause)}`,
            cause,
          }),
        );
      }
    }
    const { hostname, insecure, insecureHost } = tls;
    const material: UpstreamTls = { ...texts, hostname, insecure, insecureHost };
    const problem = errors.length === 0 ? secureContextError(material) : undefined;
    if (problem)
      errors.push(source.error(tls.path, { code: "TLS_FILE_INVALID", message: problem.message, cause: problem }));
    read.set(tls, material);
  }
  return { errors, read: (tls) => read.get(tls) ?? { insecure: false, insecureHost: false } };
}

function policiesIn({ binds }: Config): BackendPolicies[] {
  const routes = binds.flatMap(({ listeners }) => listeners.flatMap((listener) => listener.routes));
  return routes.flatMap((route) => [
    route.policies,
    ...route.backends.flatMap((backend) => [backend.policies, ...("ai" in backend ? [backend.ai.policies] : [])]),
  ]);
}

async function readFirst(file: string, directories: readonly string[]): Promise<string> {
  let missing: unknown;
  for (const directory of directories) {
    try {
      return await readFile(resolve(directory, file), "utf8");
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
      missing = error;
    }
  }
  throw missing;
}
