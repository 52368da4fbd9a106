/** What the serving threads say, brought to whom it concerns. */
import type { KeyAlert } from "@keybearer/keyring";
import type { Registry } from "@keybearer/telemetry";
import type { FleetOptions } from "./fleet.ts";
import type { Report } from "./member.ts";

export interface Listeners {
  readonly accessLog?: (lines: string) => void;
  readonly log?: (lines: string) => void;
  readonly registry: Registry;
  readonly alert: (alert: KeyAlert) => void;
  /** True: there is a newer version. */
  readonly renew: (question: Extract<Report, { type: "renew" }>) => Promise<boolean>;
}

export function receiver({ accessLog, log, registry, alert, renew }: Listeners): FleetOptions["received"] {
  return (message, thread, answer) => {
    switch (message.type) {
      case "access":
        accessLog?.(message.text);
        return;
      case "log":
        log?.(message.text);
        return;
      case "metrics":
        registry.merge(message.delta, thread);
        return;
      case "alert":
        alert(message.alert);
        return;
      case "renew": {
        const { question } = message;
        void renew(message).then((isNewer) => answer({ type: "renewed", question, isNewer }));
      }
    }
  };
}
