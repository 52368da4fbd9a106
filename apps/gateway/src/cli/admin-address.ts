/** Where a command reaches the admin port that a config names. */
import type { Address } from "../control/http.ts";

/** An address that stands for all of them is reached at the machine itself. */
export function adminUrl({ host, port }: Address): string {
  const own = host === "0.0.0.0" || host === "::" ? "localhost" : host;
  return `http://${own.includes(":") ? `[${own}]` : own}:${port}`;
}
