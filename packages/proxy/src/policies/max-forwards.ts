/** `Max-Forwards` of OPTIONS: how many servers may pass it on (RFC 9110 section 7.6.2). TRACE, which has it too, is refused. */
import type { HeaderList } from "@keybearer/providers";

/** Counts down. False: it has come to its end, and whoever has it answers. */
export function mayPassOn(method: string, headers: HeaderList): boolean {
  const left = method === "OPTIONS" ? headers.get("max-forwards") : undefined;
  if (left === undefined || !/^\d{1,9}$/.test(left)) return true;
  headers.set("max-forwards", String(Number(left) - 1));
  return Number(left) > 0;
}
