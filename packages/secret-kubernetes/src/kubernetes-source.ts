/** `key: { kubernetes: { name, namespace, key } }`: the key is a field of a Secret, followed through the API server. */
import { refreshingHandle, SecretError, type SecretSource, type SecretVersion } from "@keybearer/secrets";
import { findAccess } from "./access.ts";
import { failure, refusal } from "./failures.ts";
import { refSchema, type KubernetesRef } from "./schema.ts";
import { asSecret, messageOf, textOf, writtenAt } from "./secret-object.ts";

export interface KubernetesSourceOptions {
  /** Where a pod finds its service account. /var/run/secrets/kubernetes.io/serviceaccount by default. */
  readonly serviceAccountDirectory?: string;
  /** Spreads watches and waits, from 0 to 1. `Math.random` by default. */
  random?(): number;
}

/** For a key that a provider refuses: an event brings what is new anyway. */
const COOLDOWN_MS = 1_000;

/** `kubernetesSource` with settings of your own. */
export function createKubernetesSource(options: KubernetesSourceOptions = {}): SecretSource<KubernetesRef> {
  const { serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount" } = options;
  return {
    name: "kubernetes",
    schema: refSchema,
    async open(ref, context) {
      // They bring an HTTP client, which is not loaded where no key is in a cluster.
      const [{ ApiClient }, { follow }] = await Promise.all([import("./client.ts"), import("./follow.ts")]);
      const load = await findAccess(ref, context, serviceAccountDirectory);
      const access = await load();
      const namespace = namespaceOf(ref, access.namespace);
      const { name } = ref;
      const place = `${namespace}/${name}`;
      if (!access.tls.rejectUnauthorized) {
        context.warn({
          code: "SECRET_KUBERNETES_UNVERIFIED",
          message: `whoever answers for ${access.server.host} is taken for the API server, and so chooses the key`,
          fix: "give certificate-authority in the kubeconfig in place of insecure-skip-tls-verify",
        });
      }
      const closing = new AbortController();
      const signal = AbortSignal.any([context.signal, closing.signal]);
      const client = new ApiClient(load, { clock: context.clock, signal });
      let known: string | undefined;
      const read = async (): Promise<SecretVersion> => {
        const { status, json } = await client.get(`/api/v1/namespaces/${namespace}/secrets/${name}`);
        if (status === 404) known = undefined;
        if (status !== 200) throw refusal(status, messageOf(json), { verb: "get", namespace, name });
        const secret = asSecret(json);
        known = secret.metadata.resourceVersion;
        const text = textOf(secret, ref.key, place);
        const written = writtenAt(secret, ref.key);
        try {
          return context.seal(text, written === undefined ? {} : { writtenAt: written });
        } catch (error) {
          throw SecretError.from("kubernetes", error).at(`${place}, field ${ref.key}`);
        }
      };
      const close = (): void => {
        closing.abort();
        void client.close();
      };
      const first = await read().catch((error: unknown) => {
        close();
        throw error;
      });
      const handle = refreshingHandle({
        source: "kubernetes",
        context,
        first,
        read,
        cooldownMs: COOLDOWN_MS,
        watched: true,
        close,
      });
      follow({
        client,
        namespace,
        name,
        clock: context.clock,
        signal,
        random: () => options.random?.() ?? Math.random(),
        known: () => known,
        read: () => handle.refresh(),
        report: (error) => context.report(error),
      }).catch((error: unknown) => context.report(error));
      return handle;
    },
  };
}

/**
 * Gets the Secret at the start, then lists and watches it: a change is a new version as soon as the API server tells of it.
 * Inside a cluster as the pod's service account, elsewhere as a kubeconfig says. Opening throws SecretError:
 * SECRET_NOT_FOUND (no such Secret or field, no cluster), SECRET_DENIED, SECRET_UNAVAILABLE, SECRET_EMPTY,
 * SECRET_MALFORMED. Warns with SECRET_KUBERNETES_UNVERIFIED. Dispose of the handle: its watch keeps the process alive.
 */
export const kubernetesSource: SecretSource<KubernetesRef> = createKubernetesSource();

function namespaceOf(ref: KubernetesRef, own: string | undefined): string {
  const namespace = ref.namespace ?? own;
  if (namespace !== undefined && namespace !== "") return namespace;
  throw failure("SECRET_MALFORMED", "no namespace is named, and neither pod nor kubeconfig has one", {
    fix: "name one in namespace",
  });
}
