import { createParser } from "eventsource-parser";
import { connectionPools, type DispatcherFactory, type RequestRecord } from "@keybearer/proxy";
import { expect, test } from "vitest";
import { ai, route } from "./definitions.ts";
import { engineUnderTest } from "./engine-under-test.ts";
import { faultRows, faults, type FaultRow, type FaultSetting } from "./fault-table.ts";
import type { RawResponse } from "./raw-client.ts";
import { refusingOnce } from "./refusing-once.ts";
import { startProxy, type TestBed } from "./start-proxy.ts";

const retry = { attempts: 1, backoffMs: 0, codes: [429, 500, 503] };
/** Long enough for the request that comes after the fault, on a machine with other things to do. */
const SHORT_MS = 1_000;

async function meet({ fault: name, answer, retry: isRetried }: FaultRow): Promise<FaultRow> {
  const setting = faults[name];
  if (!setting) throw new Error(`no fault ${name}`);
  const bed = await startProxy({
    routes(upstream) {
      const timeout = setting.timeout ? { backendRequestTimeoutMs: SHORT_MS } : undefined;
      const policies = { timeout, retry: isRetried ? retry : undefined };
      return [route({ policies, backends: [ai({ hostOverride: upstream.host })] })];
    },
    healingTimeouts: { openingMs: 60_000 },
    ...dispatcherFor(setting),
  });
  const more = { stream: answer === "SSE" };
  if (setting.onReused) {
    await bed.chat();
    await bed.nextRecord();
    bed.upstream.clear();
  }
  if (setting.fault) bed.upstream.fault(setting.fault);
  if (setting.refuses === "always") bed.upstream.refuseConnections();
  const client = clientSees(await bed.chat(more), answer);
  const log = logged(await bed.nextRecord());
  const sent = bed.upstream.requests.length;
  return { fault: name, answer, retry: isRetried, client, log, connection: await connectionAfter(bed), sent };
}

function dispatcherFor(setting: FaultSetting): { dispatcher?: DispatcherFactory } {
  if (setting.refuses === "once") return { dispatcher: refusingOnce };
  if (!setting.silence) return {};
  return { dispatcher: connectionPools({ engine: engineUnderTest, limits: { bodyTimeoutMs: SHORT_MS } }) };
}

function clientSees({ status, complete, headers, body }: RawResponse, answer: FaultRow["answer"]): string {
  const text = body.toString();
  if (headers["content-type"] === "application/json" && status >= 400) return `${status} ${codeOf(text)}`;
  const data: string[] = [];
  if (answer === "SSE") createParser({ onEvent: (event) => void data.push(event.data) }).feed(text);
  if (!complete) return [`${status} cut`, ...(answer === "SSE" ? [codeOf(data.at(-1) ?? "")] : [])].join(", ");
  const isWhole = answer === "SSE" ? data.at(-1) === "[DONE]" : text.endsWith("}");
  return `${status} ${isWhole ? "whole" : "short"}`;
}

function codeOf(text: string): string {
  const { code, type }: { code: string | null; type: string } = JSON.parse(text).error;
  return code ?? type;
}

function logged({ errorCode, reason, attempts = [] }: RequestRecord): string {
  const tried = attempts.map(({ rule, status }) => (status === 0 ? rule : `${rule} ${status}`));
  const outcome = errorCode === undefined ? "-" : `${errorCode} ${reason}`;
  return [outcome, ...tried].join(" / ");
}

async function connectionAfter(bed: TestBed): Promise<FaultRow["connection"]> {
  const { upstream } = bed;
  const met = upstream.requests[0]?.connection;
  await upstream.acceptConnections();
  upstream.clearFaults();
  expect(await bed.chat()).toMatchObject({ status: 200, complete: true });
  const next = upstream.requests.at(-1);
  if (met === undefined || upstream.requests.length === 1) return "none";
  return next?.connection === met ? "kept" : "closed";
}

const rowsOf = Map.groupBy(faultRows, ({ fault }) => fault);

test("each fault has its rows, with and without retries", () => {
  expect([...rowsOf.keys()]).toEqual(Object.keys(faults));
  for (const rows of rowsOf.values())
    expect(rows.map(({ retry: isRetried }) => isRetried)).toEqual(
      rows.length === 4 ? [false, true, false, true] : [false, true],
    );
});

// Those of a fault together: some of them wait for the same silence.
test.each([...rowsOf.keys()])(
  "a provider that %s",
  async (fault) => {
    const rows = rowsOf.get(fault) ?? [];
    expect(await Promise.all(rows.map(meet))).toEqual(rows);
  },
  15_000,
);
