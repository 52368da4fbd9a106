/** Everybody who calls the gateway at once, each at a pace of its own, until told to stop. */
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "undici";
import { chat, embedding, nowhere, slowStream, transcription, type Call } from "./calls.ts";
import { faultNames, faulty } from "./faults.ts";
import { CANARY } from "./house.ts";
import type { Ledger } from "./ledger.ts";
import { goAway, speakNoHttp } from "./rough-clients.ts";
import { PATIENCE, send } from "./send.ts";

export interface TrafficOptions {
  readonly url: string;
  readonly ledger: Ledger;
  /** `data` of the answer to an embedding. */
  readonly expectedEmbedding: string;
  readonly disturbances: readonly Disturbance[];
}

/** What happens again and again, each time so long after the last. */
export interface Disturbance {
  readonly everyMs: number;
  readonly happen: () => Promise<void> | void;
}

const CALLERS = 6;
const CALLER_PAUSE_MS = 20;
const SLOW_READERS = 2;
const FAULT_CALLERS = 2;
const ROUGH_PAUSE_MS = 150;
/** Then the connection is given up, so that each thread gets new ones all the time. */
const CALLS_ON_CONNECTION = 20;
/** More than both threads serve at once, so slow that all of it is there before the first is done. */
const BURST = 160;
const BURST_HEADERS = { "x-simulate": "latency-ms=300" };

/** Resolves when `signal` has fired and each request that was begun has come to its end; rejects when the soak itself errs. */
export async function runTraffic(options: TrafficOptions, signal: AbortSignal): Promise<void> {
  const { url, ledger, disturbances } = options;
  await Promise.all([
    ...times(CALLERS, (number) =>
      caller(options, signal, CALLER_PAUSE_MS, (id, turn) => ordinary(id, turn + number, options)),
    ),
    ...times(SLOW_READERS, () => caller(options, signal, 0, slowStream)),
    ...times(FAULT_CALLERS, (number) =>
      caller(options, signal, ROUGH_PAUSE_MS, (id, turn) => faulty(id, nth(faultNames, turn * FAULT_CALLERS + number))),
    ),
    repeat(signal, ROUGH_PAUSE_MS, () => goAway(url, ledger, "in mid-stream")),
    repeat(signal, ROUGH_PAUSE_MS, () => goAway(url, ledger, "in mid-upload")),
    repeat(signal, ROUGH_PAUSE_MS, (turn) => speakNoHttp(url, ledger, turn)),
    ...disturbances.map(({ everyMs, happen }) => repeat(signal, everyMs, happen)),
  ]);
}

function ordinary(id: string, turn: number, { expectedEmbedding }: TrafficOptions): Call {
  const timed = { "x-route": "timed" };
  const all = [
    () => chat(id, { name: "JSON" }),
    () => chat(id, { name: "a stream", stream: true }),
    () => chat(id, { name: "JSON, with requestTimeout", headers: timed }),
    () => embedding(expectedEmbedding),
    () => chat(id, { name: "a stream, with requestTimeout", stream: true, headers: timed }),
    transcription,
    nowhere,
  ];
  return nth(all, turn)();
}

async function caller(
  { url, ledger }: TrafficOptions,
  signal: AbortSignal,
  pauseMs: number,
  call: (id: string, turn: number) => Call,
): Promise<void> {
  const client = new Client(url, PATIENCE);
  await repeat(signal, pauseMs, async (turn) => {
    const id = ledger.nextId();
    const isLast = turn % CALLS_ON_CONNECTION === CALLS_ON_CONNECTION - 1;
    await send(client, ledger, id, call(id, turn), { isLast, canary: CANARY });
  });
  await client.close();
}

/** Resolves when each of them has its answer. */
export async function burst(url: string, ledger: Ledger): Promise<void> {
  const one = async (): Promise<void> => {
    const client = new Client(url, PATIENCE);
    const id = ledger.nextId();
    await send(client, ledger, id, chat(id, { name: "a burst", headers: BURST_HEADERS }), { canary: CANARY });
    await client.close();
  };
  await ledger.bursts.during(() => Promise.all(times(BURST, one)));
}

async function repeat(
  signal: AbortSignal,
  pauseMs: number,
  work: (turn: number) => Promise<void> | void,
): Promise<void> {
  for (let turn = 0; !signal.aborted; turn++) {
    await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    if (!signal.aborted) await work(turn);
  }
}

function times<T>(count: number, make: (number: number) => T): T[] {
  return Array.from({ length: count }, (_, number) => make(number));
}

function nth<T>(all: readonly T[], turn: number): T {
  const found = all[turn % all.length];
  if (found === undefined) throw new Error("there is none");
  return found;
}
