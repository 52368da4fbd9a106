export { createKubernetesSource, kubernetesSource } from "./kubernetes-source.ts";
export type { KubernetesSourceOptions } from "./kubernetes-source.ts";
export type { KubernetesRef } from "./schema.ts";
