/** Every key source that the gateway comes with. Deleting a line, and its package, removes it. */
import { envSource } from "@keybearer/secret-env";
import { execSource } from "@keybearer/secret-exec";
import { fileSource } from "@keybearer/secret-file";
import { inlineSource } from "@keybearer/secret-inline";
import { kubernetesSource } from "@keybearer/secret-kubernetes";
import type { SecretSource } from "@keybearer/secrets";

/** A bare string goes to the first that claims it: inline claims every one, so it stands last. */
export const sources = [envSource, fileSource, kubernetesSource, execSource, inlineSource] as readonly SecretSource[];
