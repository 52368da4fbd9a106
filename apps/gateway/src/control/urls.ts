/** Where a caller on this machine reaches a bind. */
import type { BindDefinition } from "@keybearer/proxy";

/** `http://localhost:3000`. */
export function bindUrl(bind: Pick<BindDefinition, "address" | "listeners"> | undefined, port: number): string {
  const { address, listeners = [] } = bind ?? {};
  const everywhere = address === undefined || address === "0.0.0.0" || address === "::";
  const host = everywhere || address === "127.0.0.1" ? "localhost" : address.includes(":") ? `[${address}]` : address;
  return `${listeners.some(({ tls }) => tls) ? "https" : "http"}://${host}:${port}`;
}
