/** Readiness, metrics and admin: the ports beside those that serve requests. */
import type { Log } from "@keybearer/telemetry";
import { startSmallServer, type Address, type Respond, type SmallServer } from "./http.ts";

export type SmallServerName = "admin" | "stats" | "readiness";

export class SmallServers {
  readonly #log: Log;
  readonly #urls: Partial<Record<SmallServerName, string>>;
  readonly #servers: SmallServer[] = [];

  /** `urls` gets that of each as it is opened. */
  constructor(log: Log, urls: Partial<Record<SmallServerName, string>>) {
    this.#log = log;
    this.#urls = urls;
  }

  /** Throws GatewayError when the port cannot be had. */
  async open(name: SmallServerName, address: Address | "off", respond: Respond): Promise<void> {
    if (address === "off") return;
    const report = (error: unknown): void => this.#log.error(`the ${name} port failed to answer`, { error });
    const server = await startSmallServer(`the ${name} port (config.${name}Addr)`, address, respond, report);
    this.#servers.push(server);
    this.#urls[name] = server.url;
  }

  close(): void {
    for (const server of this.#servers) server.close();
  }
}
