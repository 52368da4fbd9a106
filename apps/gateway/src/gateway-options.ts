/** What a gateway is made from, and what it offers. */
import type { Env, SecretSource } from "@keybearer/secrets";
import type { ConfigText } from "./config-text.ts";
import type { KeyView } from "./control/key-views.ts";
import type { ReloadOutcome } from "./control/reloads.ts";

export interface GatewayOptions {
  readonly config: ConfigText;
  /** For `$VAR` in the config. Empty by default. When it tells of changes, the config is loaded again. */
  readonly env?: Env & { refresh?(): Promise<void> };
  /** agentgateway's overrides of `config:` (`ADMIN_ADDR` and others). Empty by default. */
  readonly settingsEnv?: Readonly<Record<string, string | undefined>>;
  /** Where relative paths are looked up after the config's own directory. The process's by default. */
  readonly workingDirectory?: string;
  /** Key sources beside those that come with the gateway. */
  readonly sources?: readonly SecretSource[];
  /**
   * URL of a module whose default export is a `DispatcherFactory` of `@keybearer/proxy`: it makes what connects to an origin,
   * in the place of the gateway's own pool. Each serving thread loads it.
   */
  readonly dispatcher?: string | URL;
  /** Serving threads; 0: in the caller's own. By default the config's `workerThreads`, else one a core. */
  readonly workers?: number;
  /** Gets whole lines in UTF-8, many at once. Dropped by default. */
  readonly accessLog?: (lines: Buffer) => void;
  /** Gets whole lines for people. Dropped by default. */
  readonly log?: (lines: string) => void;
  /** The access log goes to a terminal: text unless the config says otherwise. */
  readonly terminal?: boolean;
  /** The admin port was asked to end the process. By default the gateway closes itself. */
  readonly quit?: () => void;
}

/** `keys`, `notices`, `example` and the binds' URLs are those of the config that serves. */
export interface Gateway {
  readonly urls: {
    readonly binds: readonly string[];
    readonly admin?: string;
    readonly stats?: string;
    readonly readiness?: string;
  };
  readonly keys: readonly KeyView[];
  /** What is worth knowing and no error, a line or two each. */
  readonly notices: readonly string[];
  /** A `curl` line that works against it. */
  readonly example: string | undefined;
  /**
   * Reads the config again and serves from it, or tells why not: then the last good one stays. Never rejects; changes that
   * are noticed meanwhile come with it. `cause` is named in the log.
   */
  reload(cause?: string): Promise<ReloadOutcome>;
  /** Drains and stops; the deadlines are the config's unless given. Twice is the same as once; never rejects. */
  close(deadlines?: { readonly minMs?: number; readonly maxMs?: number }): Promise<void>;
}
