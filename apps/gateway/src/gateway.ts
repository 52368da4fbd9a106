/** The gateway as a whole: config and keys in the main thread, serving threads beside it, and the small servers around. */
import type { Env, SecretSource } from "@keybearer/secrets";
import {
  createLog,
  createProcessMetrics,
  createRegistry,
  EXPOSITION_CONTENT_TYPE,
  type Log,
  type Registry,
} from "@keybearer/telemetry";
import type { ConfigText } from "./config-text.ts";
import { adminReply } from "./control/admin.ts";
import { startFleet, type Fleet } from "./control/fleet.ts";
import { startSmallServer, type Address, type SmallServer } from "./control/http.ts";
import { findPorts } from "./control/ports.ts";
import { threadCount } from "./control/threads.ts";
import { exampleCall } from "./example.ts";
import { openForChannel } from "./key-channel.ts";
import { dumpDefinition } from "./load/dump.ts";
import { loadConfig, type Loaded } from "./load/load.ts";
import type { StartMessage } from "./plane/messages.ts";
import { version } from "./version.ts";

export interface GatewayOptions {
  readonly config: ConfigText;
  /** For `$VAR` in the config. Empty by default. */
  readonly env?: Env;
  /** agentgateway's overrides of `config:` (`ADMIN_ADDR` and others). Empty by default. */
  readonly settingsEnv?: Readonly<Record<string, string | undefined>>;
  /** Where relative paths are looked up after the config's own directory. The process's by default. */
  readonly workingDirectory?: string;
  /** Key sources beside those that come with the gateway. */
  readonly sources?: readonly SecretSource[];
  /** Serving threads; 0: in the caller's own. By default the config's `workerThreads`, else one a core. */
  readonly workers?: number;
  /** Gets whole lines. Dropped by default. */
  readonly accessLog?: (lines: string) => void;
  /** Gets whole lines for people. Dropped by default. */
  readonly log?: (lines: string) => void;
  /** The access log goes to a terminal: text unless the config says otherwise. */
  readonly terminal?: boolean;
  /** The admin port was asked to end the process. By default the gateway closes itself. */
  readonly quit?: () => void;
}

export interface KeyView {
  readonly name: string;
  readonly source: string;
  /** Undefined for a passed-through token, which is the caller's. */
  readonly fingerprint: string | undefined;
  /** `config.yaml:13:16`. */
  readonly place: string;
}

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
  /** Drains and stops; the deadlines are the config's unless given. Twice is the same as once; never rejects. */
  close(deadlines?: { readonly minMs?: number; readonly maxMs?: number }): Promise<void>;
}

const FLUSH_LIMIT_MS = 200;

/** Throws ConfigErrors for a config that cannot work and GatewayError for a port that cannot be had. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const writeLog = options.log ?? (() => undefined);
  let log: Log | undefined;
  const loaded = await loadConfig(options.config, {
    env: options.env ?? { get: () => undefined },
    settingsEnv: options.settingsEnv ?? {},
    sources: options.sources ?? [],
    workingDirectory: options.workingDirectory ?? process.cwd(),
    readKeys: true,
    report: (error) => log?.warn(error instanceof Error ? error.message : String(error)),
  });
  const { settings } = loaded;
  const format = settings.logging.format ?? (options.terminal ? "text" : "json");
  log = createLog({ level: settings.logging.level, format, write: writeLog });
  const running = new RunningGateway(options, loaded, log, format);
  try {
    await running.start();
  } catch (error) {
    await running.close({ minMs: 0, maxMs: 0 });
    throw error;
  }
  return running;
}

class RunningGateway implements Gateway {
  readonly urls: { binds: string[]; admin?: string; stats?: string; readiness?: string } = { binds: [] };
  readonly keys: readonly KeyView[];
  readonly notices: readonly string[];
  example: string | undefined;
  readonly #options: GatewayOptions;
  readonly #loaded: Loaded;
  readonly #log: Log;
  readonly #format: "json" | "text";
  readonly #registry: Registry = createRegistry();
  readonly #servers: SmallServer[] = [];
  readonly #subscriptions: (() => void)[] = [];
  #fleet: Fleet | undefined;
  #ready = false;
  #closing: Promise<void> | undefined;

  constructor(options: GatewayOptions, loaded: Loaded, log: Log, format: "json" | "text") {
    this.#options = options;
    this.#loaded = loaded;
    this.#log = log;
    this.#format = format;
    this.keys = loaded.keys.map(({ name, source, handle, place }) => ({
      name,
      source,
      fingerprint: handle?.current().secret.fingerprint,
      place,
    }));
    this.notices = loaded.notices;
  }

  async start(): Promise<void> {
    const { settings, definition } = this.#loaded;
    createProcessMetrics(this.#registry, { version }).configSynchronized(true);
    await this.#startServer("readiness", settings.readinessAddr, () =>
      this.#ready ? { status: 200, body: "ready\n" } : { status: 503, body: "not ready\n" },
    );
    await this.#startServer("stats", settings.statsAddr, async () => {
      await this.#fleet?.flush(FLUSH_LIMIT_MS);
      return { status: 200, contentType: EXPOSITION_CONTENT_TYPE, body: this.#registry.expose() };
    });
    await this.#startServer(
      "admin",
      settings.adminAddr,
      adminReply(this.#adminView(), settings.adminAddr === "off" ? "" : settings.adminAddr.host),
    );
    const threads = threadCount(this.#options.workers ?? settings.workerThreads);
    const ports = threads > 1 ? await findPorts(definition.binds) : {};
    this.#fleet = await startFleet({
      threads,
      start: () => this.#startMessage(ports, threads > 1),
      received: (message, origin) => {
        if (message.type === "access") this.#options.accessLog?.(message.text);
        else if (message.type === "log") this.#options.log?.(message.text);
        else this.#registry.merge(message.delta, origin);
      },
      died: (name, error) => {
        this.#registry.forget(name);
        this.#log.error(`${name} ended and is replaced`, { error: error ?? "no reason given" });
      },
    });
    this.#forwardNewVersions();
    const { ports: actual } = this.#fleet;
    const baseUrl = (name: string): string =>
      bindUrl(definition.binds.find((bind) => bind.name === name)?.address, actual[name] ?? 0);
    this.urls.binds = definition.binds.map(({ name }) => baseUrl(name));
    this.example = exampleCall(definition, baseUrl);
    this.#ready = true;
  }

  close(deadlines: { readonly minMs?: number; readonly maxMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#drain(deadlines);
    return this.#closing;
  }

  async #drain({ minMs, maxMs }: { readonly minMs?: number; readonly maxMs?: number }): Promise<void> {
    const { settings } = this.#loaded;
    this.#ready = false;
    const wait = minMs ?? settings.connectionMinTerminationDeadlineMs;
    // A load balancer needs that long to see that we are not ready; until then its requests are served.
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    await this.#fleet?.drain(maxMs ?? settings.connectionTerminationDeadlineMs);
    for (const server of this.#servers) server.close();
    for (const unsubscribe of this.#subscriptions) unsubscribe();
    await this.#loaded.close();
  }

  async #startServer(
    name: "admin" | "stats" | "readiness",
    address: Address | "off",
    respond: Parameters<typeof startSmallServer>[2],
  ): Promise<void> {
    if (address === "off") return;
    const report = (error: unknown): void => this.#log.error(`the ${name} port failed to answer`, { error });
    const server = await startSmallServer(`the ${name} port (config.${name}Addr)`, address, respond, report);
    this.#servers.push(server);
    this.urls[name] = server.url;
  }

  #startMessage(ports: Readonly<Record<string, number>>, reusePort: boolean): StartMessage {
    const { definition, keys, settings } = this.#loaded;
    return {
      type: "start",
      definition,
      credentials: keys.map(({ id, name, source, handle, from }) =>
        handle
          ? { kind: "key", id, name, source, version: openForChannel(handle.current()) }
          : { kind: "passthrough", id, name, from },
      ),
      fingerprintKey: settings.fingerprintKey,
      // A thread that replaces another must get the port that the first was given.
      ports: this.#fleet?.ports ?? ports,
      reusePort,
      logging: { level: this.#log.level, format: this.#format },
    };
  }

  #forwardNewVersions(): void {
    for (const { id, handle } of this.#loaded.keys) {
      if (!handle) continue;
      this.#subscriptions.push(
        handle.subscribe((next) => this.#fleet?.tell({ type: "key", id, version: openForChannel(next) })),
      );
    }
  }

  #adminView(): Parameters<typeof adminReply>[0] {
    return {
      configDump: () => dumpDefinition(this.#loaded.definition, this.#loaded.settings),
      keys: () =>
        this.#loaded.keys.map(({ name, source, handle, place }) => ({
          name,
          source,
          place,
          fingerprint: handle?.current().secret.fingerprint,
          status: handle?.status(),
          obtainedAt: handle && new Date(handle.current().obtainedAt).toISOString(),
        })),
      setLevel: (level) => {
        this.#log.level = level;
        this.#fleet?.tell({ type: "level", level });
      },
      quit: () => {
        if (this.#options.quit) this.#options.quit();
        else void this.close();
      },
    };
  }
}

function bindUrl(address: string | undefined, port: number): string {
  const everywhere = address === undefined || address === "0.0.0.0" || address === "::";
  const host = everywhere || address === "127.0.0.1" ? "localhost" : address.includes(":") ? `[${address}]` : address;
  return `http://${host}:${port}`;
}
