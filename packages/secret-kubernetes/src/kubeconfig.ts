/** The part of a kubeconfig that says where an API server is and who we are to it. */
import { access, readFile } from "node:fs/promises";
import { delimiter, dirname, join, resolve } from "node:path";
import { SecretError, type SourceContext } from "@keybearer/secrets";
import * as v from "valibot";
import { parseDocument } from "yaml";
import type { Access } from "./access.ts";
import { failure } from "./failures.ts";

const text = v.optional(v.string());
const clusterSchema = v.looseObject({
  server: v.string(),
  "certificate-authority": text,
  "certificate-authority-data": text,
  "tls-server-name": text,
  "insecure-skip-tls-verify": v.optional(v.boolean()),
});
const userSchema = v.looseObject({
  token: text,
  tokenFile: text,
  "client-certificate": text,
  "client-certificate-data": text,
  "client-key": text,
  "client-key-data": text,
});
const contextSchema = v.looseObject({ cluster: v.string(), user: v.string(), namespace: text });
const named = <const Name extends string, Schema extends v.GenericSchema>(name: Name, schema: Schema) =>
  v.nullish(v.array(v.looseObject({ name: v.string(), ...({ [name]: schema } as Record<Name, Schema>) })), []);
const fileSchema = v.looseObject({
  "current-context": text,
  clusters: named("cluster", clusterSchema),
  contexts: named("context", contextSchema),
  users: named("user", userSchema),
});

type Kubeconfig = v.InferOutput<typeof fileSchema> & { readonly directory: string };

/** To pass over one of these would be to come as somebody else, or another way, than the kubeconfig says. */
const unsupported = {
  user: ["exec", "auth-provider", "username", "password", "as", "as-uid", "as-groups", "as-user-extra"],
  cluster: ["proxy-url"],
} as const;

/** The files that there are, of those that `path`, KUBECONFIG or the home directory name. Throws SecretError if none. */
export async function locateKubeconfigs(
  path: string | undefined,
  { baseDirectories, env }: Pick<SourceContext, "baseDirectories" | "env">,
): Promise<readonly string[]> {
  const home = env.get("HOME") ?? "";
  const fromEnv =
    env
      .get("KUBECONFIG")
      ?.split(delimiter)
      .filter((each) => each !== "") ?? [];
  const candidates =
    path === undefined
      ? fromEnv.length > 0
        ? fromEnv
        : home === ""
          ? []
          : [join(home, ".kube/config")]
      : path.startsWith("~/")
        ? [join(home, path.slice(2))]
        : baseDirectories.map((directory) => resolve(directory, path));
  const exists = await Promise.all(candidates.map(stands));
  const files = candidates.filter((_, index) => exists[index]);
  // A path that was written names one file; KUBECONFIG names several that complete each other.
  if (files.length > 0) return path === undefined ? files : files.slice(0, 1);
  throw failure("SECRET_NOT_FOUND", "there is no kubeconfig, and this is no pod of a cluster", {
    found: candidates.length === 0 ? undefined : `nothing at ${candidates.join(" or ")}`,
    fix: "name one in kubeconfig, or in KUBECONFIG; in a pod KUBERNETES_SERVICE_HOST has to be set",
  });
}

/** Throws SecretError, which shows names and places of a kubeconfig, not its values. */
export async function kubeconfigAccess(files: readonly string[], contextName: string | undefined): Promise<Access> {
  const configs = await Promise.all(files.map(readKubeconfig));
  const current = contextName ?? configs.map((config) => config["current-context"]).find(Boolean);
  if (current === undefined) {
    throw malformed("the kubeconfig has no current-context", files, "name one in context");
  }
  const place = find(configs, "contexts", current, files).context;
  const { cluster, directory: clusterDirectory } = find(configs, "clusters", place.cluster, files);
  const { user, directory: userDirectory } = find(configs, "users", place.user, files);
  refuseUnsupported("cluster", place.cluster, cluster, files);
  refuseUnsupported("user", place.user, user, files);
  const [ca, cert, key, tokenFromFile] = await Promise.all([
    material(cluster, "certificate-authority", clusterDirectory),
    material(user, "client-certificate", userDirectory),
    material(user, "client-key", userDirectory),
    user.tokenFile === undefined ? undefined : readBeside(userDirectory, user.tokenFile),
  ]);
  const rejectUnauthorized = cluster["insecure-skip-tls-verify"] !== true;
  return {
    server: addressOf(cluster.server, files),
    namespace: place.namespace,
    tls: { ca, cert, key, servername: cluster["tls-server-name"], rejectUnauthorized },
    // As kubectl has it: a file, which rotates, wins.
    token: (tokenFromFile ?? user.token)?.trim(),
  };
}

async function readKubeconfig(path: string): Promise<Kubeconfig> {
  const content = await readFile(path, "utf8").catch(SecretError.rethrow("kubernetes"));
  // Its errors would quote the file, so that only their place is taken.
  const document = parseDocument(content, { prettyErrors: false, logLevel: "silent" });
  const [error] = document.errors;
  if (error !== undefined) {
    const line = content.slice(0, error.pos[0]).split("\n").length;
    throw malformed("the kubeconfig is no YAML", [`${path}:${line}`]);
  }
  const result = v.safeParse(fileSchema, document.toJS());
  if (result.success) return { ...result.output, directory: dirname(path) };
  const where = result.issues.map((issue) => v.getDotPath(issue) ?? "its top").slice(0, 3);
  throw malformed(`the kubeconfig is not as kubectl has it: ${where.join(", ")}`, [path]);
}

type Lists = "clusters" | "contexts" | "users";

/** The first of that name, as kubectl has it. */
function find<List extends Lists>(configs: readonly Kubeconfig[], list: List, name: string, files: readonly string[]) {
  for (const config of configs) {
    const entries: readonly NonNullable<Kubeconfig[List]>[number][] = config[list] ?? [];
    const entry = entries.find((each) => each.name === name);
    if (entry !== undefined) return { ...entry, directory: config.directory };
  }
  throw malformed(`the kubeconfig has no ${list.slice(0, -1)} ${JSON.stringify(name)}`, files);
}

function refuseUnsupported(
  kind: keyof typeof unsupported,
  name: string,
  entry: Readonly<Record<string, unknown>>,
  files: readonly string[],
): void {
  const present = unsupported[kind].find((field) => entry[field] !== undefined && entry[field] !== null);
  if (present === undefined) return;
  const fix =
    kind === "user" ? "use a token, a tokenFile or a client certificate: kubectl create token NAME" : undefined;
  throw malformed(
    `the kubeconfig's ${kind} ${JSON.stringify(name)} has ${present}, which is not supported`,
    files,
    fix,
  );
}

/** `NAME-data` holds it in base64 and wins; `NAME` is a path beside the kubeconfig. */
async function material(entry: Readonly<Record<string, unknown>>, name: string, directory: string) {
  const data = entry[`${name}-data`];
  if (typeof data === "string" && data !== "") return Buffer.from(data, "base64").toString("utf8");
  const path = entry[name];
  return typeof path === "string" && path !== "" ? readBeside(directory, path) : undefined;
}

function readBeside(directory: string, path: string): Promise<string> {
  return readFile(resolve(directory, path), "utf8").catch(SecretError.rethrow("kubernetes"));
}

/** Without TLS a Secret's values would travel for all to read, so that only this machine may be asked that way. */
function addressOf(address: string, files: readonly string[]): URL {
  const server = URL.canParse(address) ? new URL(address) : undefined;
  const isLoopback = /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(server?.hostname ?? "");
  if (server?.protocol === "https:" || (server?.protocol === "http:" && isLoopback)) return server;
  throw malformed("the kubeconfig's server is no https:// address", files, "http:// is for this machine alone");
}

function malformed(message: string, files: readonly string[], fix?: string): SecretError {
  return failure("SECRET_MALFORMED", message, { found: files.join(", "), fix });
}

function stands(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
