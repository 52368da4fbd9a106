/** What is measured: a gateway, started with a config that swaps the key and, where it can, the model. */

export interface Place {
  /** An empty folder of its own. */
  readonly folder: string;
  /** Where it has to listen, on 127.0.0.1. */
  readonly port: number;
  readonly upstreamPort: number;
  /** The upstream speaks TLS, with this certificate for `localhost`. */
  readonly upstreamCertificate?: string | undefined;
  readonly workers: number;
}

export interface Command {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Subject {
  readonly name: string;
  /** Measured only when asked for: `--with portkey`. */
  readonly onRequest?: boolean;
  /** Whether it writes the configured model in place of the client's. */
  readonly overridesModel: boolean;
  /** Whether it has workers to choose the number of. */
  readonly scales?: boolean;
  /** Whether its config knows `upstreamCertificate`. */
  readonly securesUpstream?: boolean;
  /** Whether it may write JSON anew instead of relaying bytes. */
  readonly rewritesJson?: boolean;
  /** Scenarios that it cannot serve, and why. */
  readonly cannot?: Readonly<Record<string, string>>;
  /** Why it cannot be measured here; undefined: it can. Takes what it takes, once: `--with portkey` installs it. */
  unavailable(scratch: string): string | undefined;
  /** Writes its config into the folder. */
  prepare(place: Place): Command;
  /** What each request carries beside the usual. */
  headers?(place: Place): Readonly<Record<string, string>>;
}
