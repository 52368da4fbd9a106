/** What the control plane and the threads that serve say to each other. Plain data, cloneable. */
import type { EndpointSettings, KeyAlert, Strategy } from "@keybearer/keyring";
import type { Location } from "@keybearer/providers";
import type { Engine, GatewayDefinition, TlsMaterial, UpstreamLimits } from "@keybearer/proxy";
import type { LogFormat, LogLevel, MetricsDelta } from "@keybearer/telemetry";
import type { OpenVersion } from "../key-channel.ts";

/** A key's versions, as they are now. Undefined: none could be read, or the last one must not be used any more. */
export interface KeyUpdate {
  readonly id: string;
  readonly version: OpenVersion | undefined;
  /** The one before, while it may still be needed. */
  readonly previous: OpenVersion | undefined;
}

export interface KeyRecord extends KeyUpdate {
  readonly name: string;
  readonly source: string;
  readonly weight?: number | undefined;
  readonly models?: readonly string[] | undefined;
  readonly scope?: string | undefined;
  readonly maxConcurrent?: number | undefined;
  readonly requestsPerMinute?: number | undefined;
  /** Its place in the shared state, and its scope's. */
  readonly slot: number;
  readonly scopeSlot: number | undefined;
}

/** A credential's entry in the table that a definition refers to by id. */
export type CredentialRecord =
  | { readonly kind: "keyring"; readonly id: string; readonly strategy: Strategy; readonly keys: readonly KeyRecord[] }
  | {
      readonly kind: "passthrough";
      readonly id: string;
      readonly name: string;
      readonly from: Location | undefined;
      /** Id of the keyring for a caller who sent no token. */
      readonly otherwise: string | undefined;
    };

/** The endpoints of backends in groups, in tiers of preference, each with its place in the shared state. */
export interface EndpointsRecord {
  /** As in the definition. */
  readonly id: string;
  readonly tiers: readonly (readonly EndpointSettings[])[];
}

/** A listener's certificate with its key, laid open as `OpenVersion` is: it must not be kept elsewhere, logged or put into an error. */
export interface CertificateRecord {
  /** As in the definition. */
  readonly id: string;
  readonly material: TlsMaterial;
}

export interface StartMessage {
  readonly type: "start";
  /** Counts the definitions of this gateway. */
  readonly epoch: number;
  /** One cell, shared by all threads: the epoch from which a request that begins now is served. */
  readonly epochs: Int32Array;
  readonly definition: GatewayDefinition;
  readonly credentials: readonly CredentialRecord[];
  readonly endpoints: readonly EndpointsRecord[];
  readonly certificates: readonly CertificateRecord[];
  /** Of TLS sessions; the same in all threads. */
  readonly ticketKey: Uint8Array;
  readonly fingerprintKey: string | undefined;
  /** Where all threads note how the keys fare. */
  readonly keyState: SharedArrayBuffer;
  /** This thread's column in it. */
  readonly worker: number;
  /** An alert is raised when fewer keys of a ring are well. */
  readonly minimumHealthy: number;
  /** Bodies that are kept to be sent again, and bodies that are read whole: of all threads together. */
  readonly replayBudgetBytes: number;
  readonly bodyBudgetBytes: number;
  /** Where the threads note what they hold of each: a cell for each thread, one budget after the other. */
  readonly budgets: SharedArrayBuffer;
  /** What speaks HTTP/1.1 on both sides. */
  readonly engine: Engine;
  /** URL of a module that makes what connects to backends; undefined: the engine does. */
  readonly dispatcher: string | undefined;
  readonly upstreamLimits: Partial<UpstreamLimits>;
  /** By bind name: the ports that the main thread found free. */
  readonly ports: Readonly<Record<string, number>>;
  readonly reusePort: boolean;
  readonly logging: Logging;
}

/** Compile this and open its new ports; answered `prepared` or `refused`. Nothing is served from it before the cell says so. */
export interface PrepareMessage {
  readonly type: "prepare";
  readonly epoch: number;
  readonly definition: GatewayDefinition;
  readonly credentials: readonly CredentialRecord[];
  readonly endpoints: readonly EndpointsRecord[];
  readonly certificates: readonly CertificateRecord[];
  /** By bind name, of new binds: the ports that the main thread found free. */
  readonly ports: Readonly<Record<string, number>>;
}

export interface Logging {
  readonly level: LogLevel;
  readonly format: LogFormat;
}

export type ToPlane =
  | StartMessage
  | PrepareMessage
  /** The cell has this epoch now: ports that it has not are drained. Answered `committed` when they take no more. */
  | { readonly type: "commit"; readonly epoch: number; readonly deadlineMs: number }
  /** The cell will never have this epoch. Answered `retired`. */
  | { readonly type: "abandon"; readonly epoch: number }
  /** News of the key with this id in this epoch's definition. */
  | ({ readonly type: "key"; readonly epoch: number } & KeyUpdate)
  /** Another certificate, for connections that begin from now on. */
  | ({ readonly type: "certificate" } & CertificateRecord)
  | { readonly type: "ticketKey"; readonly ticketKey: Uint8Array }
  /** The source was read again for this question, after any newer version was sent. */
  | { readonly type: "renewed"; readonly question: number; readonly isNewer: boolean }
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
  /** By bind name: the ports of new binds. */
  | { readonly type: "prepared"; readonly epoch: number; readonly ports: Readonly<Record<string, number>> }
  | {
      readonly type: "refused";
      readonly epoch: number;
      readonly bind: string | undefined;
      readonly code: string | undefined;
      readonly message: string;
    }
  | { readonly type: "committed"; readonly epoch: number }
  /** Nothing runs on this epoch's definition any more. */
  | { readonly type: "retired"; readonly epoch: number }
  /** Lines of the access log, whole. */
  | { readonly type: "access"; readonly lines: Uint8Array }
  /** Lines for people, whole. */
  | { readonly type: "log"; readonly text: string }
  | { readonly type: "metrics"; readonly delta: MetricsDelta }
  /** A provider refused this version: is there a newer one? Answered `renewed`. */
  | {
      readonly type: "renew";
      readonly question: number;
      readonly epoch: number;
      readonly id: string;
      readonly rejected: number | undefined;
    }
  | { readonly type: "alert"; readonly alert: KeyAlert }
  | { readonly type: "flushed" }
  | { readonly type: "drained" };
