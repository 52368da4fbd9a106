/** Holds an engine to one case of the table of responses. */
import { once } from "node:events";
import type { Socket } from "node:net";
import { expect, onTestFinished } from "vitest";
import { RawClient, type RawResponse } from "../raw-client.ts";
import type { ResponseCase, ResponseOutcome } from "./cases.ts";
import type { Engine } from "./engine.ts";
import { within } from "./hold.ts";
import { startRawUpstream, type RawUpstream } from "./raw-upstream.ts";

const NEXT = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext";

export interface Bed {
  readonly upstream: RawUpstream;
  /** A connection to the engine. */
  connect(): Promise<RawClient>;
  /** Closes the engine, and holds it to having met no faults of its own. */
  close(): Promise<void>;
}

/** An engine before an upstream that writes `first` for its first request, and `next` for those that follow. */
export async function startBed(
  engine: Engine,
  first: (socket: Socket) => void,
  accepted?: (socket: Socket, count: number) => void,
): Promise<Bed> {
  let isFirst = true;
  let count = 0;
  const upstream = await startRawUpstream(
    (_, socket) => {
      if (isFirst) first(socket);
      else socket.write(NEXT);
      isFirst = false;
    },
    (socket) => accepted?.(socket, ++count),
  );
  onTestFinished(() => upstream.close());
  const running = await engine.start(upstream.host);
  onTestFinished(() => running.close());
  return {
    upstream,
    async connect() {
      const client = await RawClient.connect(running.port);
      onTestFinished(() => client.close());
      return client;
    },
    async close() {
      await within(running.close(), "the engine to close");
      expect(running.faults).toEqual([]);
    },
  };
}

export async function holdToResponse(engine: Engine, row: ResponseCase): Promise<void> {
  const { bytes, method = "GET", ends = false } = row;
  const outcome = engine.client === "undici" ? (row.undici?.outcome ?? row.outcome) : row.outcome;
  const bed = await startBed(engine, (socket) => {
    socket.write(bytes, "latin1");
    if (ends) socket.end();
  });
  const client = await bed.connect();
  client.send(`${method} / HTTP/1.1\r\nHost: a\r\n\r\n`);
  const answer = await within(client.response({ head: method === "HEAD" }), "an answer");
  holdAnswer(answer, outcome);
  if (outcome.kind === "cut") {
    await within(client.ended, "the connection to end");
    expect(client.unread.toString("latin1")).toBe("");
  }
  await holdConnection(bed, outcome);
  await holdToNext(outcome.kind === "cut" ? await bed.connect() : client);
  const kept = outcome.kind === "relayed" ? outcome.connection : "closed";
  if (kept !== "either") expect(bed.upstream.sockets).toHaveLength(kept === "kept" ? 1 : 2);
  expect(bed.upstream.violations).toEqual([]);
  expect(bed.upstream.requests).toHaveLength(2);
  client.close();
  await bed.close();
}

/** Another request gets an answer of its own. */
export async function holdToNext(client: RawClient): Promise<void> {
  expect(client.unread.toString("latin1")).toBe("");
  client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
  const answer = await within(client.response(), "the next answer");
  expect([answer.status, answer.complete, answer.body.toString()]).toEqual([200, true, "next"]);
}

function holdAnswer({ status, complete, body, headers, rawHeaders }: RawResponse, outcome: ResponseOutcome): void {
  if (outcome.kind === "refused") {
    const { error } = JSON.parse(body.toString());
    expect([status, complete, error.type]).toEqual([502, true, "server_error"]);
    expect(error.code).toMatch(/^upstream_/);
  } else if (outcome.kind === "cut") {
    expect([status, complete]).toEqual([200, false]);
  } else {
    expect([status, complete, body.toString("latin1")]).toEqual([outcome.status, true, outcome.body]);
    for (const [name, value] of Object.entries(outcome.headers ?? {}))
      expect([name, headers[name]]).toEqual([name, value]);
  }
  const framings = rawHeaders.filter(
    (name, index) => index % 2 === 0 && /^(?:content-length|transfer-encoding)$/i.test(name),
  );
  expect(framings.length).toBeLessThan(2);
}

async function holdConnection({ upstream }: Bed, outcome: ResponseOutcome): Promise<void> {
  if (outcome.kind === "relayed" && outcome.connection !== "closed") return;
  const [socket] = upstream.sockets;
  if (socket && !socket.destroyed) await within(once(socket, "close"), "the upstream connection to close");
}
