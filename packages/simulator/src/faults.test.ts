import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { createParser } from "eventsource-parser";
import OpenAI from "openai";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startSimulator, type Fault, type Simulator } from "./index.ts";

let upstream: Simulator;
const sockets: Socket[] = [];

beforeEach(async () => {
  upstream = await startSimulator({ text: "one two three" });
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await upstream.close();
});

const CHAT = '{"model":"m","messages":[{"role":"user","content":"hi"}]}';
const STREAM = CHAT.replace("{", '{"stream":true,');

async function open(): Promise<Socket> {
  const socket = connect(upstream.port, "127.0.0.1");
  sockets.push(socket);
  await once(socket, "connect");
  return socket;
}

function request(body: string, head = ""): string {
  return `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\n${head}content-length: ${body.length}\r\n\r\n${body}`;
}

interface Seen {
  readonly bytes: string;
  /** `end`: the other side finished; `ECONNRESET`: it was reset. */
  readonly ending: string;
}

/** Sends one request on a socket of its own and tells all that came, and how it ended. */
async function exchange(body: string, faults?: Fault): Promise<Seen> {
  if (faults !== undefined) upstream.fault(faults);
  const socket = await open();
  const seen = untilEnd(socket);
  socket.write(request(body));
  return seen;
}

function untilEnd(socket: Socket): Promise<Seen> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  const bytes = () => Buffer.concat(chunks).toString("latin1");
  return new Promise((resolve) => {
    socket.once("end", () => resolve({ bytes: bytes(), ending: "end" }));
    socket.once("error", (error: NodeJS.ErrnoException) => resolve({ bytes: bytes(), ending: error.code ?? "error" }));
  });
}

/** Reads until the bytes so far satisfy, then leaves. */
async function readUntil(body: string, fault: Fault, enough: (bytes: string) => boolean): Promise<string> {
  upstream.fault(fault);
  const socket = await open();
  socket.write(request(body));
  let bytes = "";
  for await (const chunk of socket) {
    bytes += String(chunk);
    if (enough(bytes)) break;
  }
  return bytes;
}

function events(bytes: string): string[] {
  return bytes.match(/(?<=data: )[^\r\n]+/g) ?? [];
}

const FINAL_CHUNK = /\r\n0\r\n\r\n$/;

describe("connection faults", () => {
  test("reset-before-head: nothing but a reset", async () => {
    expect(await exchange(CHAT, { kind: "reset-before-head" })).toEqual({ bytes: "", ending: "ECONNRESET" });
    expect(upstream.requests[0]).toMatchObject({ bodyComplete: true, aborted: false });
  });

  test.each([CHAT, STREAM])("reset-after-head: a head, no body, a reset (%s)", async (body) => {
    const seen = await exchange(body, { kind: "reset-after-head" });
    expect(seen.bytes).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/);
    expect(seen.ending).toBe("ECONNRESET");
  });

  test("reset-after-events: that many events, then a reset", async () => {
    const seen = await exchange(STREAM, { kind: "reset-after-events", afterEvents: 2 });
    expect(events(seen.bytes)).toHaveLength(2);
    expect(seen.ending).toBe("ECONNRESET");
    expect(upstream.requests[0]?.eventsSent).toBe(2);
  });

  test("reset-after-events of an answer that is no stream: half of it", async () => {
    const { bytes } = await exchange(CHAT, { kind: "reset-after-events", afterEvents: 1 });
    const [head = "", body = ""] = bytes.split("\r\n\r\n");
    expect(body.length).toBe(Math.floor(Number(/content-length: (\d+)/.exec(head)?.[1]) / 2));
  });

  test("truncate: all events, no final chunk, an orderly end", async () => {
    const seen = await exchange(STREAM, { kind: "truncate" });
    expect(events(seen.bytes).at(-1)).toBe("[DONE]");
    expect(seen.bytes).not.toMatch(FINAL_CHUNK);
    expect(seen.ending).toBe("end");
  });

  test("truncate of an answer that is no stream: fewer bytes than content-length says", async () => {
    const { bytes, ending } = await exchange(CHAT, { kind: "truncate" });
    const [head = "", body = ""] = bytes.split("\r\n\r\n");
    expect(body.length).toBeLessThan(Number(/content-length: (\d+)/.exec(head)?.[1]));
    expect(ending).toBe("end");
  });

  test("garbage: bytes that are no HTTP", async () => {
    expect(await exchange(CHAT, { kind: "garbage", bytes: "SSH-2.0\r\n" })).toEqual({
      bytes: "SSH-2.0\r\n",
      ending: "end",
    });
  });

  test("half-close: our side ends before the head, the other may still send", async () => {
    upstream.fault({ kind: "half-close" });
    const socket = connect({ port: upstream.port, host: "127.0.0.1", allowHalfOpen: true });
    sockets.push(socket);
    socket.write(request(CHAT));
    expect(await text(socket)).toBe("");
    expect(socket.writable).toBe(true);
    socket.end();
    expect((await upstream.waitForAbort()).answered).toBe(false);
  });

  test("refused connections come back on the same port", async () => {
    upstream.refuseConnections();
    const [error] = await once(connect(upstream.port, "127.0.0.1"), "error").catch((error: unknown) => [error]);
    expect(error).toMatchObject({ code: "ECONNREFUSED" });
    await upstream.acceptConnections();
    expect((await fetch(`${upstream.origin}/v1/models?key=k`)).status).toBe(200);
  });

  test("idle connections are closed on demand", async () => {
    const socket = await open();
    const seen = untilEnd(socket);
    socket.write(request(CHAT));
    await once(socket, "data");
    upstream.closeIdleConnections();
    expect((await seen).bytes).toContain("HTTP/1.1 200 OK");
  });
});

describe("faults of length and time", () => {
  test("stall-before-head: silence until the client leaves", async () => {
    upstream.fault({ kind: "stall-before-head" });
    const socket = await open();
    socket.write(request(CHAT));
    await upstream.waitForRequest();
    expect(socket.bytesRead).toBe(0);
    socket.destroy();
    expect((await upstream.waitForAbort()).eventsSent).toBe(0);
  });

  test("stall-after-events: that many events, then silence", async () => {
    await readUntil(STREAM, { kind: "stall-after-events", afterEvents: 3 }, (bytes) => events(bytes).length === 3);
    expect((await upstream.waitForAbort()).eventsSent).toBe(3);
  });

  test("stall-after-bytes: that many bytes of the body", async () => {
    const bytes = await readUntil(CHAT, { kind: "stall-after-bytes", afterBytes: 7 }, (seen) =>
      seen.endsWith('{"id":"'),
    );
    expect(bytes.split("\r\n\r\n")[1]).toBe('{"id":"');
    await upstream.waitForAbort();
  });

  test.each([5, -5])("wrong-length: content-length is %i off", async (by) => {
    const bytes = await readUntil(CHAT, { kind: "wrong-length", by }, (seen) => seen.endsWith("}"));
    const [head = "", body = ""] = bytes.split("\r\n\r\n");
    expect(Number(/content-length: (\d+)/.exec(head)?.[1]) - body.length).toBe(by);
  });

  test("early-answer: before the body is sent", async () => {
    upstream.fault({ kind: "early-answer" });
    const socket = await open();
    socket.write("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n{");
    const { bytes, ending } = await untilEnd(socket);
    expect(bytes).toMatch(/^HTTP\/1\.1 413 .*\r\n[^]*"error"/);
    expect(ending).toBe("end");
    expect(upstream.requests[0]).toMatchObject({ bodyComplete: false, answered: true });
  });

  test("Expect: 100-continue is heard, unless the answer comes early", async () => {
    const head = "POST /v1/moderations HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    const socket = await open();
    socket.write(head);
    expect(String((await once(socket, "data"))[0])).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    upstream.fault({ kind: "early-answer", status: 417 });
    const refused = await open();
    refused.write(head);
    expect((await untilEnd(refused)).bytes).toMatch(/^HTTP\/1\.1 417/);
  });

  test("flood-1xx: informational heads, then the usual answer", async () => {
    const bytes = await readUntil(CHAT, { kind: "flood-1xx", count: 50 }, (seen) => seen.endsWith("}"));
    expect(bytes.match(/HTTP\/1\.1 103 /g)).toHaveLength(50);
    expect(bytes).toMatch(/HTTP\/1\.1 200 OK[^]*one two three/);
  });

  test("slow-drip: whole in the end, byte by byte", async () => {
    const seen = await exchange(STREAM, { kind: "slow-drip", bytes: 40, delayMs: 0 });
    expect(events(seen.bytes).at(-1)).toBe("[DONE]");
    expect(seen.bytes).toMatch(FINAL_CHUNK);
  });

  test.each([1, 7, 30])("split: each event in chunks of %i bytes, and the same events come out", async (every) => {
    const bytes = await readUntil(STREAM, { kind: "split", every }, (seen) => FINAL_CHUNK.test(seen));
    const sizes = [...bytes.matchAll(/\r\n([0-9a-f]+)\r\n(?=[^]*\r\n)/g)].map((match) =>
      Number.parseInt(match[1]!, 16),
    );
    expect(Math.max(...sizes.filter((size) => size > 0))).toBe(every);
    const parsed: string[] = [];
    const parser = createParser({ onEvent: (event) => parsed.push(event.data) });
    upstream.fault({ kind: "split", every });
    const response = await fetch(`${upstream.origin}/v1/chat/completions?key=k`, { method: "POST", body: STREAM });
    parser.feed(await response.text());
    expect(parsed).toHaveLength(6);
  });
});

describe("faults of the answer", () => {
  const post = (body = CHAT) =>
    fetch(`${upstream.origin}/v1/chat/completions?key=k`, { method: "POST", body, redirect: "manual" });

  test("status: with Retry-After, headers and a body, or OpenAI's own", async () => {
    upstream.fault([
      { kind: "status", status: 429, retryAfterSeconds: 3 },
      { kind: "none" },
      { kind: "status", status: 500, body: "<html>", headers: { "content-type": "text/html" } },
    ]);
    const limited = await post();
    expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "3"]);
    expect(await limited.json()).toMatchObject({ error: { code: "rate_limit_exceeded" } });
    expect((await post()).status).toBe(200);
    const broken = await post();
    expect([broken.status, await broken.text(), broken.headers.get("content-type")]).toEqual([
      500,
      "<html>",
      "text/html",
    ]);
    expect((await post()).status).toBe(200);
  });

  test("always and when: until cleared, and only where it fits", async () => {
    upstream.fault({ kind: "status", status: 503 }, { times: "always", when: ({ key }) => key === "bad" });
    const get = (key: string) => fetch(`${upstream.origin}/v1/models?key=${key}`);
    expect([(await get("bad")).status, (await get("good")).status, (await get("bad")).status]).toEqual([503, 200, 503]);
    upstream.clearFaults();
    expect((await get("bad")).status).toBe(200);
  });

  test("error-event: status 200, some events, an error, no [DONE], a proper end", async () => {
    upstream.fault({
      kind: "error-event",
      afterEvents: 2,
      error: { message: "overloaded", code: "server_is_overloaded" },
    });
    const seen = events(await (await post(STREAM)).text());
    expect(seen).toHaveLength(3);
    expect(seen.at(-1)).toContain('"code":"server_is_overloaded"');
    const client = new OpenAI({ apiKey: "k", baseURL: `${upstream.origin}/v1`, maxRetries: 0 });
    upstream.fault({ kind: "error-event", afterEvents: 3 });
    const stream = await client.responses.create({ model: "m", input: "hi", stream: true });
    const reading = async () => {
      for await (const _ of stream);
    };
    await expect(reading()).rejects.toThrow("The server had an error");
  });

  test("headers, huge-headers and redirect", async () => {
    upstream.fault([
      { kind: "headers", headers: { "set-cookie": ["a=1", "b=2"] } },
      { kind: "huge-headers", bytes: 4000, count: 2 },
      { kind: "redirect", location: "http://elsewhere.test/" },
    ]);
    expect((await post()).headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect((await post()).headers.get("x-huge-2")).toHaveLength(4000);
    const moved = await post();
    expect([moved.status, moved.headers.get("location")]).toEqual([307, "http://elsewhere.test/"]);
  });

  test("echo: tells what was received, in body and headers", async () => {
    upstream.fault({ kind: "echo" });
    const response = await fetch(`${upstream.origin}/any/where?x=1`, { headers: { "X-Secret": "s" } });
    expect(response.headers.get("x-echo-x-secret")).toBe("s");
    expect(await response.json()).toMatchObject({
      method: "GET",
      url: "/any/where?x=1",
      headers: expect.arrayContaining([["X-Secret", "s"]]),
    });
  });
});

test("bytes that are no HTTP are noted as malformed and reach no endpoint", async () => {
  const socket = await open();
  socket.write("GET / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n");
  expect((await untilEnd(socket)).bytes).toMatch(/^HTTP\/1\.1 400/);
  expect(upstream.malformed).toHaveLength(1);
  expect(upstream.requests).toEqual([]);
});
