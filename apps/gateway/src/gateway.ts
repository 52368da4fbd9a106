/** The gateway as a whole: config and keys in the main thread, serving threads beside it, and the small servers around. */
import type { Settings } from "@keybearer/config";
import {
  createLog,
  createProcessMetrics,
  createRegistry,
  EXPOSITION_CONTENT_TYPE,
  type Log,
  type LogLevel,
  type Registry,
} from "@keybearer/telemetry";
import type { Gateway, GatewayOptions } from "./gateway-options.ts";
import { adminReply, admits, type AdminView } from "./control/admin.ts";
import { logAlert } from "./control/alerts.ts";
import { logChanges } from "./control/changes.ts";
import { ConfigFile } from "./control/config-file.ts";
import { createFleet, type Fleet, type FleetOptions } from "./control/fleet.ts";
import { createLoader, type Loader } from "./control/loader.ts";
import { Budgets } from "./budgets.ts";
import { KeyTable } from "./control/key-table.ts";
import { keyView, type KeyView } from "./control/key-views.ts";
import { receiver } from "./control/receive.ts";
import { Prober } from "./control/prober.ts";
import { refreshKey } from "./control/refresh-key.ts";
import { Reloads, type ReloadOutcome } from "./control/reloads.ts";
import { RunningConfig } from "./control/running-config.ts";
import { RunningKeys } from "./control/running-keys.ts";
import { effectiveSettings, needsRestart } from "./control/settings.ts";
import { isSameConfig } from "./control/same-config.ts";
import { SmallServers } from "./control/small-servers.ts";
import { sharesPorts, threadCount } from "./control/threads.ts";
import { TicketKey } from "./control/ticket-key.ts";
import { bindUrl } from "./control/urls.ts";
import { exampleCall } from "./example.ts";
import type { KeysReport } from "./keys/report.ts";
import { dumpDefinition } from "./load/dump.ts";
import { knownKeys } from "./known-keys.ts";
import type { Loaded } from "./load/load.ts";
import { upstreamLimits } from "./load/upstream-limits.ts";
import { loadDispatchers } from "./plane/dispatcher-module.ts";
import { version } from "./version.ts";

export type { Gateway, GatewayOptions } from "./gateway-options.ts";
export type { KeyView } from "./control/key-views.ts";

const FLUSH_LIMIT_MS = 200;

/** Throws ConfigErrors for a config that cannot work and GatewayError for a port or a module that cannot be had. */
export async function createGateway(given: GatewayOptions): Promise<Gateway> {
  const options: GatewayOptions = {
    ...given,
    accessLog: (lines) => given.accessLog?.(knownKeys.scrubBytes(lines)),
    log: (lines) => given.log?.(knownKeys.scrub(lines)),
  };
  let log: Log | undefined;
  const load = createLoader(
    options,
    (text) => log?.warn(text),
    (text) => log?.info(text),
  );
  // Each thread does so for itself; here, so that whoever starts it is told.
  if (options.dispatcher !== undefined) await loadDispatchers(String(options.dispatcher));
  const loaded = await load(options.config);
  const { level, format = options.terminal ? "text" : "json" } = loaded.settings.logging;
  log = createLog({ level, format, write: options.log ?? (() => undefined) });
  const running = new RunningGateway(options, loaded, load, log, format);
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
  readonly #options: GatewayOptions;
  readonly #load: Loader;
  readonly #log: Log;
  readonly #format: "json" | "text";
  readonly #started: Settings;
  readonly #registry: Registry = createRegistry();
  readonly #small: SmallServers;
  readonly #threads: number;
  readonly #keyTable: KeyTable;
  readonly #budgets: Budgets;
  readonly #running: RunningConfig;
  readonly #keys: RunningKeys;
  readonly #ticketKey: TicketKey;
  readonly #fleet: Fleet;
  readonly #reloads: Reloads;
  readonly #file: ConfigFile;
  readonly #unsubscribe: (() => void) | undefined;
  readonly #begun = Promise.withResolvers<void>();
  #prober: Prober | undefined;
  #ready = false;
  #closing: Promise<void> | undefined;

  constructor(options: GatewayOptions, loaded: Loaded, load: Loader, log: Log, format: "json" | "text") {
    this.#options = options;
    this.#load = load;
    this.#log = log;
    this.#format = format;
    this.#started = loaded.settings;
    this.#small = new SmallServers(log, this.urls);
    this.#threads = threadCount(options.workers ?? loaded.settings.workerThreads);
    this.#keyTable = new KeyTable(Math.max(1, this.#threads));
    this.#budgets = new Budgets(Math.max(1, this.#threads));
    this.#running = new RunningConfig(loaded, {
      keys: this.#keyTable,
      threads: this.#threads > 1 ? "several" : "one",
      tell: (message) => this.#fleet.tell(message),
      outdated: () => void this.reload("certificates of a backend have changed"),
    });
    this.#ticketKey = new TicketKey((ticketKey) => this.#fleet.tell({ type: "ticketKey", ticketKey }));
    this.#keys = new RunningKeys({
      loaded: () => this.#running.loaded,
      table: this.#keyTable,
      registry: this.#registry,
      minimumHealthy: loaded.settings.minHealthyKeys,
      alert: (alert) => logAlert(log, alert),
    });
    this.#fleet = createFleet(this.#fleetOptions());
    const metrics = createProcessMetrics(this.#registry, { version });
    metrics.configSynchronized(true);
    this.#reloads = new Reloads({
      replace: () => this.#replace(),
      needsRestart: () => needsRestart(this.#started, this.#running.loaded.settings),
      synchronized: (yes) => metrics.configSynchronized(yes),
      log,
    });
    this.#file = new ConfigFile(options.config, () => void this.reload(`${options.config.name} has changed`));
    this.#unsubscribe = options.env?.subscribe?.(() => void this.reload("variables have changed"));
  }

  get keys(): readonly KeyView[] {
    return this.#running.loaded.keys.map(keyView);
  }

  get notices(): readonly string[] {
    return this.#running.loaded.notices;
  }

  get example(): string | undefined {
    return exampleCall(this.#running.loaded.definition, (name) => this.#baseUrl(name));
  }

  async start(): Promise<void> {
    const { adminAddr, statsAddr, readinessAddr } = this.#started;
    await this.#small.open("readiness", readinessAddr, () =>
      this.#ready ? { status: 200, body: "ready\n" } : { status: 503, body: "not ready\n" },
    );
    await this.#small.open("stats", statsAddr, async () => {
      await this.#upToDate();
      this.#keys.measure();
      return { status: 200, contentType: EXPOSITION_CONTENT_TYPE, body: this.#registry.expose() };
    });
    await this.#small.open(
      "admin",
      adminAddr,
      adminReply(this.#adminView(), adminAddr === "off" ? "" : adminAddr.host),
    );
    await this.#running.start(this.#fleet);
    this.#prober = new Prober({
      loaded: () => this.#running.loaded,
      keyrings: () => this.#keys.keyrings(),
      report: (error) => this.#log.error("a key could not be checked", { error }),
    });
    this.#nameUrls();
    this.#ready = true;
    this.#begun.resolve();
  }

  reload(cause = "asked for"): Promise<ReloadOutcome> {
    return this.#reloads.request(cause);
  }

  close(deadlines: { readonly minMs?: number; readonly maxMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#drain(deadlines);
    return this.#closing;
  }

  async #replace(): Promise<"replaced" | "unchanged"> {
    // A change that is noticed during the start waits for its end.
    await this.#begun.promise;
    if (this.#closing) return "unchanged";
    await this.#options.env?.refresh?.();
    const before = this.#running.loaded;
    const next = await this.#load(await this.#file.read());
    if (this.#closing || isSameConfig(before, next)) {
      await next.close();
      return "unchanged";
    }
    // What was counted for keys that go now is still to be had.
    this.#keys.measure();
    try {
      await this.#running.replace(next, this.#fleet, next.settings.connectionTerminationDeadlineMs);
    } catch (error) {
      await next.close();
      throw error;
    }
    const { level } = next.settings.logging;
    if (level !== before.settings.logging.level) this.#setLevel(level);
    logChanges(this.#log, before, next);
    this.#nameUrls();
    return "replaced";
  }

  async #drain({ minMs, maxMs }: { readonly minMs?: number; readonly maxMs?: number }): Promise<void> {
    const { connectionMinTerminationDeadlineMs, connectionTerminationDeadlineMs } = this.#running.loaded.settings;
    this.#ready = false;
    this.#begun.resolve();
    this.#file.close();
    this.#ticketKey.close();
    this.#unsubscribe?.();
    const wait = minMs ?? connectionMinTerminationDeadlineMs;
    // A load balancer needs that long to see that we are not ready; until then its requests are served.
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    await this.#fleet.drain(maxMs ?? connectionTerminationDeadlineMs);
    this.#small.close();
    await this.#prober?.close();
    await this.#running.close();
  }

  #fleetOptions(): FleetOptions {
    const { minHealthyKeys, fingerprintKey, backend, engine } = this.#started;
    return {
      threads: this.#threads,
      start: (worker) => ({
        type: "start",
        ...this.#running.startParts(),
        keyState: this.#keyTable.memory,
        worker,
        minimumHealthy: minHealthyKeys,
        ...this.#budgets.startParts(this.#started),
        engine,
        dispatcher: this.#options.dispatcher === undefined ? undefined : String(this.#options.dispatcher),
        upstreamLimits: upstreamLimits(backend),
        fingerprintKey,
        ticketKey: this.#ticketKey.current,
        reusePort: sharesPorts,
        logging: { level: this.#log.level, format: this.#format },
      }),
      received: receiver({
        ...this.#options,
        alert: (alert) => logAlert(this.#log, alert),
        registry: this.#registry,
        renew: (question) => this.#running.renew(question),
      }),
      died: (name, worker, error) => {
        this.#registry.forget(name);
        this.#keyTable.state.forgetWorker(worker);
        this.#budgets.forgetWorker(worker);
        this.#log.error(`${name} ended and is replaced`, { error: error ?? "no reason given" });
      },
    };
  }

  #nameUrls(): void {
    this.urls.binds = this.#running.loaded.definition.binds.map(({ name }) => this.#baseUrl(name));
  }

  #baseUrl(name: string): string {
    const { loaded, ports } = this.#running;
    const bind = loaded.definition.binds.find((each) => each.name === name);
    return bindUrl(bind, ports[name] ?? 0);
  }

  #setLevel(level: LogLevel): void {
    this.#log.level = level;
    this.#fleet.tell({ type: "level", level });
  }

  async #keysReport(): Promise<KeysReport> {
    await this.#upToDate();
    return this.#keys.report(this.#options.config.name);
  }

  /** All threads have their keys, and have told what they have counted. */
  async #upToDate(): Promise<void> {
    await this.#begun.promise;
    await this.#fleet.flush(FLUSH_LIMIT_MS);
  }

  #adminView(): AdminView {
    return {
      configDump: () => {
        const { definition, settings } = this.#running.loaded;
        return dumpDefinition(definition, effectiveSettings(this.#started, settings));
      },
      admits: (authorization) => admits(this.#running.loaded.adminToken, authorization),
      keys: () => this.#keysReport(),
      refreshKey: (name) => refreshKey(this.#running.loaded, this.#keys.keyrings(), name),
      configStatus: () => this.#reloads.status(),
      reload: () => this.reload("asked for on the admin port"),
      setLevel: (level) => this.#setLevel(level),
      quit: () => {
        if (this.#options.quit) this.#options.quit();
        else void this.close();
      },
    };
  }
}
