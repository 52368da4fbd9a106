import { once } from "node:events";
import { createServer } from "node:net";
import { compileSnapshot, createUpstreams } from "@keybearer/proxy";
import { describe, expect, onTestFinished, test } from "vitest";
import { answering } from "./definitions.ts";
import { RawClient } from "./raw-client.ts";
import { chatBody, chatPath, startProxy } from "./start-proxy.ts";

const stream = { stream: true };

describe("closing", () => {
  test("lets a stream finish, refuses new connections, and is the same twice", async () => {
    const bed = await startProxy();
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody(stream), headers: ["x-simulate", "events=5, delay-ms=20"] });
    const first = await client.take("\n\n");
    const closed = bed.proxy.close(60_000);
    await expect(RawClient.connect(bed.port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    const again = bed.proxy.close(60_000);
    expect(first).toContain("HTTP/1.1 200");
    expect(await client.take("data: [DONE]\n\n")).toBeDefined();
    await Promise.all([closed, again]);
    expect(await client.ended).toBe("end");
    expect(await bed.nextRecord()).toMatchObject({ status: 200, errorCode: undefined });
  });

  test("tells a client whose answer has not begun that its connection ends with it", async () => {
    const bed = await startProxy();
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody(), headers: ["x-simulate", "latency-ms=50"] });
    await bed.upstream.waitForRequest();
    const closed = bed.proxy.close(60_000);
    expect(await client.response()).toMatchObject({ status: 200, complete: true, headers: { connection: "close" } });
    await closed;
  });

  test("ends a stream at the deadline with an event that says why, and the upstream call with it", async () => {
    const bed = await startProxy();
    bed.upstream.fault({ kind: "stall-after-events", afterEvents: 1 });
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody(stream) });
    await client.take("\n\n");
    await bed.proxy.close(10);
    expect(await client.take("\n\n\r\n")).toContain('"code":"gateway_stopping"');
    await client.ended;
    expect(client.unread.toString()).not.toContain("0\r\n\r\n");
    await bed.upstream.waitForAbort();
    expect(bed.openConnections()).toBe(0);
    expect(await bed.nextRecord()).toMatchObject({ status: 200, errorCode: "gateway_stopping", reason: "Timeout" });
  });

  test.each([
    ["whose provider has not answered", "latency-ms=60000", chatBody()],
    ["that is still sent", "", chatBody().slice(0, -1)],
  ])("answers a request at the deadline %s", async (_, simulate, sent) => {
    const bed = await startProxy();
    const client = await bed.connect();
    const length = `Content-Length: ${Buffer.byteLength(chatBody())}\r\nContent-Type: application/json`;
    client.send(
      `POST ${chatPath} HTTP/1.1\r\nHost: a\r\n${length}\r\nExpect: 100-continue\r\nX-Simulate: ${simulate}\r\n\r\n`,
    );
    expect(await client.take("\r\n\r\n")).toContain("100 Continue");
    client.send(sent);
    const closed = bed.proxy.close(100);
    const answer = await client.response();
    expect(answer).toMatchObject({ status: 503, complete: true, headers: { connection: "close", "retry-after": "1" } });
    expect(answer.body.toString()).toContain('"code":"gateway_stopping"');
    client.close();
    await closed;
  });

  test("cuts an answer that is no stream at the deadline", async () => {
    const bed = await startProxy();
    bed.upstream.fault({ kind: "stall-after-bytes", afterBytes: 10 });
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody() });
    await client.take("\r\n\r\n");
    await bed.proxy.close(10);
    await client.ended;
    expect(await bed.nextRecord()).toMatchObject({ status: 200, errorCode: "gateway_stopping" });
  });

  test("waits neither for idle connections nor for those that have never said a word", async () => {
    const bed = await startProxy();
    const silent = await bed.connect();
    const idle = await bed.connect();
    idle.request({ path: "/v1/models" });
    await idle.response();
    await bed.proxy.close(60_000);
    await Promise.all([silent.ended, idle.ended]);
  });
});

test("a new snapshot serves the next request, and the open stream keeps its own", async () => {
  const bed = await startProxy();
  const client = await bed.connect();
  client.request({ path: chatPath, body: chatBody(stream), headers: ["x-simulate", "events=5, delay-ms=20"] });
  await client.take("\n\n");
  const upstreams = createUpstreams();
  const listeners = [{ name: "listener", routes: [answering("new")] }];
  bed.proxy.swap(
    compileSnapshot(
      { binds: [{ name: "bind/0", port: 0, listeners }] },
      { providers: [], credential: () => undefined, upstreams },
    ),
  );
  expect((await bed.send({})).body.toString()).toBe("new");
  expect(await client.take("data: [DONE]\n\n")).toBeDefined();
});

test("a port in use is node's own error", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  onTestFinished(() => void other.close());
  const address = other.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const bed = await startProxy();
  const bind = { name: "bind/x", port, address: "127.0.0.1", listeners: [] };
  await expect(bed.proxy.listen(bind)).rejects.toMatchObject({ code: "EADDRINUSE" });
});
