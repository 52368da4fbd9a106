/** What stands below `kubernetes:` in YAML. */
import * as v from "valibot";

/** agentgateway's and the Secret's own name for the field that holds a provider's key. */
export const DEFAULT_DATA_KEY = "Authorization";

const text = (message: string) => v.pipe(v.string(message), v.nonEmpty(message));
const whatName = "expected the name of a Secret: lower-case letters, digits, - and .";
const whatNamespace = "expected the name of a namespace: lower-case letters, digits and -";
const whatKey = "expected the name of a field in the Secret's data: letters, digits, -, _ and .";

export const refSchema = v.strictObject(
  {
    name: v.pipe(
      v.string(whatName),
      v.maxLength(253, whatName),
      v.regex(/^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/, whatName),
    ),
    namespace: v.optional(
      v.pipe(v.string(whatNamespace), v.regex(/^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/, whatNamespace)),
    ),
    key: v.optional(v.pipe(v.string(whatKey), v.regex(/^[-._a-zA-Z0-9]{1,253}$/, whatKey)), DEFAULT_DATA_KEY),
    kubeconfig: v.optional(text("expected the path of a kubeconfig")),
    context: v.optional(text("expected the name of a context in the kubeconfig")),
  },
  "expected { name, namespace, key, kubeconfig, context }, and name at least",
);

/** As the schema gives it: `key` filled in. */
export type KubernetesRef = v.InferOutput<typeof refSchema>;
