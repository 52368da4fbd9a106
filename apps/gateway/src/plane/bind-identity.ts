/** When a port of two definitions is one: a reload leaves it open. */
import type { BindDefinition } from "@keybearer/proxy";

export function bindIdentity({ name, port, address }: BindDefinition): string {
  return JSON.stringify([name, port, address ?? null]);
}
