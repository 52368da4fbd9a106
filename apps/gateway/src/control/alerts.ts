/** What an operator is to be told of a key, as an event of the log with a stable name. */
import type { KeyAlert } from "@keybearer/keyring";
import type { Log } from "@keybearer/telemetry";

const MESSAGES: Readonly<Record<KeyAlert["kind"], string>> = {
  key_refused: "the provider refuses a key",
  key_recovered: "a key that was refused is accepted again",
  pool_below: "few keys are left that serve",
  overlap_in_use: "the new version of a key is refused, and the one before it serves",
};

export function logAlert(log: Log, { kind, ...facts }: KeyAlert): void {
  log[kind === "key_recovered" ? "info" : "warn"](MESSAGES[kind], { event: kind, ...facts });
}
