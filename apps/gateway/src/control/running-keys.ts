/** The keys of the config that runs, looked at from the main thread: their keyrings, the report on them, their metrics. */
import type { KeyAlert, KeyCondition, Keyring, KeyView } from "@keybearer/keyring";
import { createKeyMetrics, type KeyMetrics, type KeyReading, type Registry } from "@keybearer/telemetry";
import { ageOf, keysReport, type KeysReport } from "../keys/report.ts";
import type { Loaded, LoadedKey } from "../load/load.ts";
import { versionNow } from "../load/open-keys.ts";
import type { KeyTable } from "./key-table.ts";

export interface RunningKeysOptions {
  /** The config that runs. */
  readonly loaded: () => Loaded;
  readonly table: KeyTable;
  readonly registry: Registry;
  readonly minimumHealthy: number;
  readonly alert: (alert: KeyAlert) => void;
}

/** As `keybearer keys` shows them. */
const CONDITIONS = Object.keys({
  healthy: true,
  overlap: true,
  suspected: true,
  cooling: true,
  returning: true,
  outOfMoney: true,
  quarantined: true,
  unresolved: true,
  draining: true,
} satisfies Record<KeyCondition, true>);

/** To be asked once the serving threads have their keys: the table knows them from then on. */
export class RunningKeys {
  readonly #options: RunningKeysOptions;
  readonly #metrics: KeyMetrics;
  #rings: { readonly of: Loaded; readonly byId: ReadonlyMap<string, Keyring> } | undefined;

  constructor(options: RunningKeysOptions) {
    this.#options = options;
    this.#metrics = createKeyMetrics(options.registry, CONDITIONS);
  }

  keyrings(): ReadonlyMap<string, Keyring> {
    const { table, minimumHealthy, alert } = this.#options;
    const loaded = this.#options.loaded();
    if (this.#rings?.of !== loaded) {
      this.#rings = { of: loaded, byId: table.keyrings(loaded, minimumHealthy, alert) };
    }
    return this.#rings.byId;
  }

  report(config: string): KeysReport {
    return keysReport({
      from: "gateway",
      config,
      keys: this.#options.loaded().keys,
      views: this.#views(),
      metrics: this.#options.registry.snapshot(),
      now: Date.now(),
    });
  }

  /** Brings the metrics of keys up to date. A caller's own token has none. */
  measure(): void {
    const viewOf = new Map(this.#views().map((view) => [view.name, view]));
    const now = Date.now();
    this.#metrics.update(this.#options.loaded().keys.flatMap((key) => reading(key, viewOf.get(key.name), now)));
  }

  #views(): KeyView[] {
    return [...this.keyrings().values()].flatMap((ring) => ring.view());
  }
}

function reading({ name, handle }: LoadedKey, view: KeyView | undefined, now: number): KeyReading[] {
  if (handle === undefined || view === undefined) return [];
  const { state, inFlight } = view;
  const version = versionNow(handle);
  const ageSeconds = version && ageOf(version, true, now);
  return [{ name, state, ageSeconds, inFlight, refreshes: { of: handle, counts: handle.refreshes() } }];
}
