/** The PEM files that `backendTLS` names, read at load. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type {
  AiProvider,
  Backend,
  BackendPolicies,
  BackendTls,
  Config,
  ConfigError,
  ConfigSource,
} from "@keybearer/config";
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
    const { texts, failures } = await readTexts(tls, directories);
    const { path, hostname, insecure, insecureHost } = tls;
    const material: UpstreamTls = { ...texts, hostname, insecure, insecureHost };
    errors.push(...failures.map((failure) => source.error([...path, failure.name], failure)));
    const rootError = texts.root === undefined ? undefined : certificateError(texts.root);
    if (rootError) errors.push(source.error([...path, "root"], invalid(rootError)));
    // Without one of its files, what it says of the others would be misleading.
    const error = failures.length === 0 && !rootError ? secureContextError(material) : undefined;
    if (error) errors.push(source.error(path, invalid(error)));
    read.set(tls, material);
  }
  return { errors, read: (tls) => read.get(tls) ?? { insecure: false, insecureHost: false } };
}

/** Node passes over what is no certificate without a word, and then trusts nobody. */
function certificateError(pem: string): Error | undefined {
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g);
  if (!certificates) return new Error("there is no certificate in this file");
  try {
    for (const certificate of certificates) void new X509Certificate(certificate);
    return undefined;
  } catch (cause) {
    return new Error("this file holds a certificate that cannot be read", { cause });
  }
}

function invalid(cause: Error) {
  const fix = "root and cert are certificates in PEM form, key is the private key of cert, without a passphrase";
  return { code: "TLS_FILE_INVALID", message: cause.message, fix, cause };
}

async function readTexts(tls: BackendTls, directories: readonly string[]) {
  const texts: { cert?: string; key?: string; root?: string } = {};
  const failures = [];
  for (const name of ["cert", "key", "root"] as const) {
    const file = tls[name];
    if (file === undefined) continue;
    try {
      texts[name] = await readFirst(file, directories);
    } catch (cause) {
      const places = [...new Set(directories.map((directory) => resolve(directory, file)))];
      failures.push({
        name,
        code: "TLS_FILE_UNREADABLE",
        message: `cannot read ${file}: ${inWords(cause)}`,
        found: systemCode(cause) === "ENOENT" ? `nothing at ${places.join(" or ")}` : undefined,
        cause,
      });
    }
  }
  return { texts, failures };
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
