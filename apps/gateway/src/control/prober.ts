/** Has the provider asked, by its free call, about keys that it refused or that are only suspected: at growing gaps, never by a caller. */
import type { Keyring, Probe } from "@keybearer/keyring";
import type { Upstreams } from "@keybearer/proxy";
import { providers } from "../providers.ts";
import { checkKey, type PlacedVersion } from "../keys/check-key.ts";
import { keyTargets, type KeyTarget } from "../keys/targets.ts";
import type { Loaded } from "../load/load.ts";

/** How often it is looked whether a probe is due; when one is, the keyring says. */
const LOOK_MS = 1_000;

export interface ProberOptions {
  readonly loaded: () => Loaded;
  /** By id. */
  readonly keyrings: () => ReadonlyMap<string, Keyring>;
  readonly report: (error: unknown) => void;
}

export class Prober {
  readonly #options: ProberOptions;
  #upstreams: Promise<Upstreams> | undefined;
  readonly #closing = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#look(), LOOK_MS).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort();
    await (await this.#upstreams)?.close();
  }

  #look(): void {
    const { loaded, keyrings, report } = this.#options;
    const { definition, credentials } = loaded();
    const rings = keyrings();
    let targets: readonly KeyTarget[] | undefined;
    for (const [id, ring] of rings) {
      for (const probe of ring.needsProbe()) {
        targets ??= keyTargets(definition, credentials, providers);
        const target = targets.find(({ keyring }) => keyring === id);
        if (target) void this.#ask(ring, probe, target, rings).catch(report);
      }
    }
  }

  async #ask(
    ring: Keyring,
    { name, version }: Probe,
    target: KeyTarget,
    rings: ReadonlyMap<string, Keyring>,
  ): Promise<void> {
    // Most gateways never ask, and start the sooner without what asks.
    this.#upstreams ??= import("@keybearer/proxy").then(({ createUpstreams }) => createUpstreams());
    const upstreams = await this.#upstreams;
    const { origin, tls } = target;
    const verdict = await checkKey({
      target,
      version,
      beside: target.beside.flatMap(({ keyring, placement }): PlacedVersion[] => {
        const beside = rings.get(keyring)?.view()[0]?.version;
        return beside ? [{ placement, version: beside }] : [];
      }),
      dispatcher: upstreams.dispatcher(origin, tls),
      signal: this.#closing.signal,
    });
    // What settles nothing leaves the key as it stands, until its next turn.
    if (verdict.authenticates !== "unknown") ring.probed(name, version, verdict.authenticates === "yes");
  }
}
