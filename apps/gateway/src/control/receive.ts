/** What the serving threads say, brought to whom it concerns. */
import type { KeyAlert } from "@keybearer/keyring";
import type { Registry } from "@keybearer/telemetry";
import type { FleetOptions } from "./fleet.ts";
import type { Report } from "./member.ts";

export interface Listeners {
  readonly accessLog?: (lines: Buffer) => void;
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
        accessLog?.(asBuffer(message.lines));
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

/** Of a message, a Buffer arrives as what it is below. */
function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
