/** What the control plane and the threads that serve say to each other. Plain data, cloneable. */
import type { Location } from "@keybearer/providers";
import type { GatewayDefinition } from "@keybearer/proxy";
import type { LogFormat, LogLevel, MetricsDelta } from "@keybearer/telemetry";
import type { OpenVersion } from "../key-channel.ts";

/** A credential's entry in the table that a definition refers to by id. */
export type CredentialRecord =
  | {
      readonly kind: "key";
      readonly id: string;
      readonly name: string;
      readonly source: string;
      readonly version: OpenVersion;
    }
  | { readonly kind: "passthrough"; readonly id: string; readonly name: string; readonly from: Location | undefined };

export interface StartMessage {
  readonly type: "start";
  readonly definition: GatewayDefinition;
  readonly credentials: readonly CredentialRecord[];
  readonly fingerprintKey: string | undefined;
  /** By bind name: the ports that the main thread found free. */
  readonly ports: Readonly<Record<string, number>>;
  readonly reusePort: boolean;
  readonly logging: Logging;
}

export interface Logging {
  readonly level: LogLevel;
  readonly format: LogFormat;
}

export type ToPlane =
  | StartMessage
  /** A newer version of the key with this id. */
  | { readonly type: "key"; readonly id: string; readonly version: OpenVersion }
  | { readonly type: "level"; readonly level: LogLevel }
  /** Asks for a metrics message, and `flushed` after it. */
  | { readonly type: "flush" }
  | { readonly type: "drain"; readonly deadlineMs: number };

export type FromPlane =
  | { readonly type: "listening"; readonly ports: Readonly<Record<string, number>> }
  | {
      readonly type: "failed";
      readonly bind: string | undefined;
      readonly code: string | undefined;
      readonly message: string;
    }
  /** Lines of the access log, whole. */
  | { readonly type: "access"; readonly text: string }
  /** Lines for people, whole. */
  | { readonly type: "log"; readonly text: string }
  | { readonly type: "metrics"; readonly delta: MetricsDelta }
  | { readonly type: "flushed" }
  | { readonly type: "drained" };
