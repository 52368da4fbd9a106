/** A proxy on a free port before a simulated provider, and everything that its observer was told. */
import {
  compileSnapshot,
  connectionPools,
  createProxy,
  createUpstreams,
  type DispatcherFactory,
  type GatewayDefinition,
  type HealingTimeouts,
  type Observer,
  type Proxy,
  type RequestRecord,
  type RouteDefinition,
} from "@keybearer/proxy";
import type { Endpoints } from "@keybearer/keyring";
import { openAI } from "@keybearer/providers";
import {
  createSeal,
  handleCredential,
  staticHandle,
  systemClock,
  type Credential,
  type Outcome,
} from "@keybearer/secrets";
import { startSimulator, type Simulator, type SimulatorOptions } from "@keybearer/simulator";
import { expect, onTestFinished, vi } from "vitest";
import { callerToken } from "./caller-token.ts";
import { ai, route } from "./definitions.ts";
import { engineUnderTest } from "./engine-under-test.ts";
import { RawClient, send, type RawResponse, type SendOptions } from "./raw-client.ts";

export const KEY = "sk-the-gateway-s-own";

export interface BedOptions {
  readonly simulator?: SimulatorOptions;
  /** By default one route to the simulator with the key `KEY`. */
  readonly routes?: (upstream: Simulator) => readonly RouteDefinition[];
  readonly listeners?: GatewayDefinition["binds"][number]["listeners"];
  readonly frontend?: GatewayDefinition["frontend"];
  /** Beside `key` and `caller`. */
  readonly credentials?: Readonly<Record<string, Credential>>;
  /** By the id of backends in groups. */
  readonly endpoints?: (id: string) => Endpoints | undefined;
  readonly dispatcher?: DispatcherFactory;
  readonly random?: () => number;
  readonly replayBudgetBytes?: number;
  readonly bodyBudgetBytes?: number;
  readonly healingTimeouts?: Partial<HealingTimeouts>;
}

export interface TestBed {
  readonly upstream: Simulator;
  readonly proxy: Proxy;
  readonly port: number;
  readonly origin: string;
  /** What became of each lease, in the order of their release. */
  readonly outcomes: readonly Outcome[];
  /** Faults inside the gateway. A test that expects some takes them out; what is left at the end fails it. */
  readonly faults: unknown[];
  /** Names of the limits that have bitten. */
  readonly limits: readonly string[];
  readonly openConnections: () => number;
  /** Serves what comes from now on within other limits. */
  limit(frontend: NonNullable<GatewayDefinition["frontend"]>): void;
  /** Records in the order in which they come, each once. */
  nextRecord(): Promise<RequestRecord>;
  send(options: SendOptions): Promise<RawResponse>;
  connect(): Promise<RawClient>;
  /** `{ model, messages }` as JSON to /v1/chat/completions. */
  chat(more?: Readonly<Record<string, unknown>>, options?: SendOptions): Promise<RawResponse>;
}

export const chatPath = "/v1/chat/completions";

export function chatBody(more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "hello" }], ...more });
}

/** A key of the gateway's own, as the inline source would hold it. */
export function keyCredential(value: string, name = value): Credential {
  const seal = createSeal({ source: "inline", clock: systemClock });
  return handleCredential({ name, source: "inline", handle: staticHandle(seal(value)) });
}

/** Closes itself when the test ends, and checks that each key was given back once. */
export async function startProxy(options: BedOptions = {}): Promise<TestBed> {
  const upstream = await startSimulator(options.simulator);
  onTestFinished(() => upstream.close());
  const upstreams = createUpstreams(options.dispatcher ?? connectionPools({ engine: engineUnderTest }));
  onTestFinished(() => upstreams.close());
  const { observer, faults, limits, nextRecord, openConnections } = recorder();
  const ledger = leaseLedger();
  const routes = options.routes?.(upstream) ?? [route({ backends: [ai({ hostOverride: upstream.host })] })];
  const bind = { name: "bind/0", port: 0, listeners: options.listeners ?? [{ name: "listener", routes }] };
  const compile = (frontend: GatewayDefinition["frontend"]) =>
    compileSnapshot(
      { binds: [bind], frontend },
      {
        providers: [openAI],
        credential: ledger.watch(options.credentials),
        upstreams,
        ...(options.endpoints && { endpoints: options.endpoints }),
      },
    );
  const proxy = createProxy({ observer, snapshot: compile(options.frontend), ...proxyOptions(options) });
  const { port } = await proxy.listen({ ...bind, address: "127.0.0.1" });
  onTestFinished(async () => {
    await proxy.close(0);
    await vi.waitFor(() => expect(ledger.open()).toBe(0));
    expect(faults).toEqual([]);
  });
  return {
    upstream,
    proxy,
    port,
    origin: `http://127.0.0.1:${port}`,
    outcomes: ledger.outcomes,
    faults,
    limits,
    openConnections,
    limit: (frontend) => proxy.swap(compile(frontend)),
    nextRecord,
    send: (request) => send(port, request),
    async connect() {
      const client = await RawClient.connect(port);
      onTestFinished(() => client.close());
      return client;
    },
    chat: (more, request = {}) => send(port, { path: chatPath, body: chatBody(more), ...request }),
  };
}

function proxyOptions({ random, replayBudgetBytes, bodyBudgetBytes, healingTimeouts }: BedOptions) {
  return {
    engine: engineUnderTest,
    ...(random ? { random } : {}),
    ...(replayBudgetBytes === undefined ? {} : { replayBudgetBytes }),
    ...(bodyBudgetBytes === undefined ? {} : { bodyBudgetBytes }),
    ...(healingTimeouts ? { healingTimeouts } : {}),
  };
}

function recorder() {
  const faults: unknown[] = [];
  const limits: string[] = [];
  const records: RequestRecord[] = [];
  const waits: ((record: RequestRecord) => void)[] = [];
  let open = 0;
  const observer: Observer = {
    finished(record) {
      const wait = waits.shift();
      if (wait) wait(record);
      else records.push(record);
    },
    connectionOpened: () => void open++,
    connectionClosed: () => void open--,
    handshakeFailed: () => undefined,
    limited: (limit) => void limits.push(limit),
    debug: () => undefined,
    debugEnabled: true,
    fault: (error) => void faults.push(error),
  };
  const nextRecord = (): Promise<RequestRecord> => {
    const record = records.shift();
    return record ? Promise.resolve(record) : new Promise((resolve) => void waits.push(resolve));
  };
  return { observer, faults, limits, nextRecord, openConnections: () => open };
}

/** Every lease that is taken must be given back, once. */
function leaseLedger() {
  const outcomes: Outcome[] = [];
  let open = 0;
  const watched = (credential: Credential): Credential => ({
    acquire(request, tried) {
      const lease = credential.acquire(request, tried);
      let released = false;
      open++;
      const { name, source, version } = lease;
      return {
        name,
        source,
        version,
        report: (outcome) => lease.report?.(outcome),
        ...(lease.renew ? { renew: () => lease.renew?.() ?? Promise.resolve(false) } : {}),
        release(outcome) {
          if (released) throw new Error("a lease was released twice");
          released = true;
          open--;
          outcomes.push(outcome);
          lease.release(outcome);
        },
      };
    },
  });
  return {
    outcomes,
    open: () => open,
    watch(more: Readonly<Record<string, Credential>> = {}) {
      const all = { key: keyCredential(KEY, "main"), caller: callerToken("caller"), ...more };
      const credentials = new Map(Object.entries(all).map(([id, credential]) => [id, watched(credential)]));
      return (id: string) => credentials.get(id);
    },
  };
}
