/** Whether a backend's TLS material can be used at all, found at load. */
import { createSecureContext } from "node:tls";
import type { UpstreamTls } from "./definition.ts";
import { pairError } from "./tls-pair.ts";

/** The reason why not; undefined: it can. */
export function secureContextError({ root, cert, key }: Pick<UpstreamTls, "root" | "cert" | "key">): Error | undefined {
  if ((cert === undefined) !== (key === undefined)) return new Error("a client certificate needs both cert and key");
  try {
    createSecureContext({ ...(root ? { ca: root } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) });
    return cert !== undefined && key !== undefined ? pairError(cert, key) : undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
