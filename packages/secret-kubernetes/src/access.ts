/** Which API server there is, and who we are to it: decided once, read again for each request. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { SecretError, type SourceContext } from "@keybearer/secrets";
import { failure } from "./failures.ts";
import { kubeconfigAccess, locateKubeconfigs } from "./kubeconfig.ts";
import type { KubernetesRef } from "./schema.ts";

export interface Access {
  /** An origin, perhaps with a path below which the API lies. */
  readonly server: URL;
  /** Where we are, for a reference that names no namespace. */
  readonly namespace: string | undefined;
  readonly tls: TlsMaterial;
  readonly token: string | undefined;
}

export interface TlsMaterial {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly servername?: string | undefined;
  readonly rejectUnauthorized: boolean;
}

/** Reads tokens and certificates as they are now: both rotate. Throws SecretError. */
export type LoadAccess = () => Promise<Access>;

/**
 * A kubeconfig that the reference names; else, inside a cluster, the service account; else KUBECONFIG or ~/.kube/config.
 * Throws SecretError if there is none of these.
 */
export async function findAccess(
  ref: KubernetesRef,
  context: Pick<SourceContext, "baseDirectories" | "env">,
  serviceAccountDirectory: string,
): Promise<LoadAccess> {
  const host = context.env.get("KUBERNETES_SERVICE_HOST");
  const isInCluster = host !== undefined && host !== "" && ref.kubeconfig === undefined && ref.context === undefined;
  if (isInCluster) return () => serviceAccount(host, context, serviceAccountDirectory);
  const files = await locateKubeconfigs(ref.kubeconfig, context);
  return () => kubeconfigAccess(files, ref.context);
}

async function serviceAccount(host: string, { env }: Pick<SourceContext, "env">, directory: string): Promise<Access> {
  const port = env.get("KUBERNETES_SERVICE_PORT") ?? "443";
  const address = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  const server = URL.canParse(address) ? new URL(address) : undefined;
  if (server === undefined) {
    throw failure("SECRET_MALFORMED", "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are no address");
  }
  const [token, ca, namespace] = await Promise.all([
    readFile(join(directory, "token"), "utf8").catch(notMounted),
    readFile(join(directory, "ca.crt"), "utf8").catch(notMounted),
    // Only for a reference that names none.
    readFile(join(directory, "namespace"), "utf8").catch(() => undefined),
  ]);
  return { server, namespace: namespace?.trim(), tls: { ca, rejectUnauthorized: true }, token: token.trim() };
}

function notMounted(thrown: unknown): never {
  const { found } = SecretError.from("kubernetes", thrown);
  throw failure("SECRET_UNAVAILABLE", "the service account's token or certificate cannot be read", {
    found,
    fix: "set automountServiceAccountToken: true in the pod, and let the gateway's user read the mount",
  });
}
