/** Holds an engine to one case of the table of requests. */
import { expect, onTestFinished } from "vitest";
import { RawClient, type RawResponse } from "../raw-client.ts";
import type { RequestCase, RequestOutcome, Seen } from "./cases.ts";
import type { Engine } from "./engine.ts";
import { within } from "./hold.ts";
import { startRawUpstream, type RawUpstream, type UpstreamRequest } from "./raw-upstream.ts";

type Served = Extract<RequestOutcome, { kind: "served" }>;

export async function holdToRequest(engine: Engine, { bytes, interim = [], ...row }: RequestCase): Promise<void> {
  const outcome = engine.server === "node:http" ? (row.nodeHttp?.outcome ?? row.outcome) : row.outcome;
  const upstream = await startRawUpstream();
  onTestFinished(() => upstream.close());
  const running = await engine.start(upstream.host);
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= running.close());
  onTestFinished(close);
  const client = await RawClient.connect(running.port);
  onTestFinished(() => client.close());
  client.send(bytes);
  for (const status of interim) expect((await answer(client)).status).toBe(status);
  switch (outcome.kind) {
    case "served":
      await holdToServed(client, outcome);
      break;
    case "answered":
      expect((await answer(client)).status).toBe(outcome.status);
      await holdToOpen(client);
      break;
    case "unfinished":
      client.socket.end();
      await holdToRefusal(client, outcome.status);
      break;
    default:
      await holdToRefusal(client, outcome.status);
  }
  // Nothing may go upstream later, either.
  client.close();
  await within(close(), "the engine to close");
  holdUpstream(upstream, outcome);
  expect(running.faults).toEqual([]);
}

async function holdToServed(client: RawClient, { seen, after }: Served): Promise<void> {
  for (const { method } of seen) {
    expect(await answer(client, method)).toMatchObject({ status: 200, complete: true, body: bodyOf(method) });
  }
  if (typeof after === "number") await holdToRefusal(client, after);
  else if (after === "closed") await holdToEnd(client);
  else await holdToOpen(client);
}

/** The engine agrees on where the request ended: what comes next is a request of its own. */
async function holdToOpen(client: RawClient): Promise<void> {
  expect(client.unread.toString("latin1")).toBe("");
  client.send("GET /probe HTTP/1.1\r\nHost: a\r\n\r\n");
  expect(await answer(client)).toMatchObject({ status: 200, complete: true });
}

async function holdToRefusal(client: RawClient, status: number): Promise<void> {
  const { headers, complete, body, ...found } = await answer(client);
  expect([found.status, complete, headers["connection"]]).toEqual([status, true, "close"]);
  expect(headers["content-type"]).toBe("application/json");
  const { error } = JSON.parse(body.toString());
  expect(error).toMatchObject({ type: expect.stringMatching(/^(?:invalid_request|server)_error$/), param: null });
  expect(error.code).toMatch(/^[a-z_]+$/);
  await holdToEnd(client);
}

async function holdToEnd(client: RawClient): Promise<void> {
  expect(await within(client.ended, "the connection to end")).toBe("end");
  expect(client.unread.toString("latin1")).toBe("");
}

function answer(client: RawClient, method = "GET"): Promise<RawResponse> {
  return within(client.response({ head: method === "HEAD" }), "an answer");
}

const bodyOf = (method: string): Buffer => Buffer.from(method === "HEAD" ? "" : "ok");

function holdUpstream(upstream: RawUpstream, outcome: RequestOutcome): void {
  expect(upstream.violations).toEqual([]);
  const requests = upstream.requests.filter(({ target }) => target !== "/probe");
  if ("status" in outcome && outcome.kind !== "answered") expect(upstream.requests).toEqual([]);
  if (outcome.kind === "refused") expect([upstream.sockets.length, upstream.bytesReceived()]).toEqual([0, 0]);
  if (outcome.kind === "answered") expect(requests).toEqual([]);
  if (outcome.kind !== "served") return;
  expect(requests.map(({ method, target, body }) => ({ method, target, body }))).toEqual(
    outcome.seen.map(({ method, target, body = "" }) => ({ method, target, body })),
  );
  outcome.seen.forEach((seen, index) => holdHeaders(seen, requests[index], upstream));
}

function holdHeaders({ headers = {} }: Seen, request: UpstreamRequest | undefined, upstream: RawUpstream): void {
  const found = (name: string) => request?.headers.flatMap((header) => (header[0] === name ? [header[1]] : []));
  expect(found("host")).toEqual([upstream.host]);
  for (const [name, value] of Object.entries(headers))
    expect([name, found(name)]).toEqual([name, value === undefined ? [] : [value]]);
}
