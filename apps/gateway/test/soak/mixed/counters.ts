/** What the gateway has counted: its metrics page, read and added up. */

type Labels = Readonly<Record<string, string>>;

export class Counters {
  readonly #series: readonly { readonly name: string; readonly labels: Labels; readonly value: number }[];

  constructor(page: string) {
    this.#series = Array.from(page.matchAll(/^(\w+)\{(.*)\} (\d+)$/gm), ([, name = "", labels = "", value]) => ({
      name,
      labels: Object.fromEntries(Array.from(labels.matchAll(/(\w+)="([^"]*)"/g), ([, label, text]) => [label, text])),
      value: Number(value),
    }));
  }

  static async read(statsUrl: string): Promise<Counters> {
    return new Counters(await (await fetch(`${statsUrl}/metrics`)).text());
  }

  /** Of those series of which `holds` is true. */
  sum(name: string, holds: (labels: Labels) => boolean = () => true): number {
    return this.#named(name)
      .filter(({ labels }) => holds(labels))
      .reduce((sum, { value }) => sum + value, 0);
  }

  /** By the values of a label; 0 is left out. */
  by(label: string, name: string, holds: (labels: Labels) => boolean = () => true): Record<string, number> {
    const values = new Set(this.#named(name).map(({ labels }) => labels[label] ?? ""));
    const sums = [...values].map(
      (value) => [value, this.sum(name, (all) => all[label] === value && holds(all))] as const,
    );
    return Object.fromEntries(sums.filter(([, sum]) => sum !== 0));
  }

  #named(name: string) {
    return this.#series.filter((series) => series.name === name);
  }
}

/** What became of requests, as the gateway tells it and as its clients do. */
export interface Account {
  /** By status. */
  readonly answered: Readonly<Record<string, number>>;
  readonly cancelled: number;
  readonly shed: number;
  readonly malformed: number;
}

export const REQUESTS = "agentgateway_requests_total";

export function accountOf(counters: Counters): Account {
  const limit = (name: string): number => counters.sum("keybearer_limits_total", ({ limit }) => limit === name);
  return {
    answered: counters.by("status", REQUESTS, ({ reason }) => reason !== "ClientClosed"),
    cancelled: counters.sum(REQUESTS, ({ reason }) => reason === "ClientClosed"),
    shed: limit("overloaded"),
    malformed: limit("malformed_request"),
  };
}

export function difference(after: Account, before: Account): Account {
  const statuses = Object.entries(after.answered).map(
    ([status, count]) => [status, count - (before.answered[status] ?? 0)] as const,
  );
  return {
    answered: Object.fromEntries(statuses.filter(([, count]) => count !== 0)),
    cancelled: after.cancelled - before.cancelled,
    shed: after.shed - before.shed,
    malformed: after.malformed - before.malformed,
  };
}
