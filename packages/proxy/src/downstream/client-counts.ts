/** How many connections a serving thread has, in all and of each client. */

export type Refused = "connections" | "connections_per_client";

export interface ConnectionLimits {
  readonly connections: number;
  readonly connectionsPerClient: number;
}

export class ClientCounts {
  readonly #clients = new Map<string, number>();
  #all = 0;

  /** Counts one in, unless there are enough. Whoever is counted in must `leave`. */
  enter(client: string, { connections, connectionsPerClient }: ConnectionLimits): Refused | undefined {
    const own = this.#clients.get(client) ?? 0;
    if (this.#all >= connections) return "connections";
    if (own >= connectionsPerClient) return "connections_per_client";
    this.#all += 1;
    this.#clients.set(client, own + 1);
    return undefined;
  }

  leave(client: string): void {
    const left = (this.#clients.get(client) ?? 1) - 1;
    this.#all -= 1;
    if (left > 0) this.#clients.set(client, left);
    else this.#clients.delete(client);
  }
}

const MAPPED = "::ffff:";

/** Who an address belongs to: itself, or of IPv6 the 64 bits that name a network, all of which one client commonly has. */
export function clientOf(address: string): string {
  // An IPv4 client of a port that listens on IPv6, too.
  if (address.startsWith(MAPPED) && address.includes(".")) return address.slice(MAPPED.length);
  if (!address.includes(":")) return address;
  const [before = "", after] = address.split("%", 1)[0]?.split("::") ?? [];
  const head = groupsOf(before);
  const tail = groupsOf(after ?? "");
  const zeros = after === undefined ? 0 : 8 - head.length - tail.length;
  const groups = [...head, ...Array.from({ length: zeros }, () => "0"), ...tail];
  return `${groups.slice(0, 4).join(":")}::/64`;
}

function groupsOf(text: string): string[] {
  return text === "" ? [] : text.split(":");
}
