import { describe, expect, test, vi } from "vitest";
import { chunkOf } from "./raw-client.ts";
import { chatBody, chatPath, startProxy, type TestBed } from "./start-proxy.ts";

/** The next call must not find the connection that was left half-read. */
async function startsAnew(bed: TestBed): Promise<void> {
  const last = bed.upstream.requests.at(-1)?.connection;
  expect((await bed.chat()).status).toBe(200);
  expect(bed.upstream.requests.at(-1)?.connection).not.toBe(last);
}

const closed = { reason: "ClientClosed", errorCode: "client_closed" };

describe("a client that leaves", () => {
  test("before the head takes its upstream call with it", async () => {
    const bed = await startProxy();
    bed.upstream.fault({ kind: "stall-before-head" });
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody() });
    await bed.upstream.waitForRequest();
    client.close();
    await bed.upstream.waitForAbort();
    expect(await bed.nextRecord()).toMatchObject({ ...closed, status: 499, key: { name: "main" } });
    expect(bed.outcomes).toEqual([{ kind: "abandoned" }]);
    await startsAnew(bed);
  });

  test.each(["end", "reset"])("in mid-stream takes it with it: %s", async (how) => {
    const bed = await startProxy();
    bed.upstream.fault({ kind: "stall-after-events", afterEvents: 3 });
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody({ stream: true }) });
    await client.take("\n\n");
    if (how === "end") client.socket.end();
    else client.socket.resetAndDestroy();
    await bed.upstream.waitForAbort();
    expect(await bed.nextRecord()).toMatchObject({ ...closed, status: 200 });
    expect(bed.outcomes).toEqual([{ kind: "answered", status: 200 }]);
    await startsAnew(bed);
  });

  test("while events still come takes it with it", async () => {
    const bed = await startProxy({ simulator: { events: 1_000_000 } });
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody({ stream: true }) });
    await client.take("\n\n");
    client.close();
    await bed.upstream.waitForAbort();
    expect(await bed.nextRecord()).toMatchObject(closed);
  });

  test.each([
    ["of a known length", "Content-Length: 100000"],
    ["in chunks", "Transfer-Encoding: chunked"],
  ])("in the middle of an upload %s takes it with it", async (_, framing) => {
    const bed = await startProxy();
    const client = await bed.connect();
    const head = `POST /v1/embeddings HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`;
    client.send(head).send(chunkOf("the first of many ".repeat(4_000)));
    await vi.waitFor(() => expect(bed.upstream.requests).toHaveLength(1));
    client.close();
    const request = await bed.upstream.waitForAbort();
    expect(request.bodyComplete).toBe(false);
    expect(await bed.nextRecord()).toMatchObject({ ...closed, status: 499 });
    expect(bed.outcomes).toEqual([{ kind: "abandoned" }]);
  });

  test("while its body is read for the model leaves the provider alone", async () => {
    const bed = await startProxy();
    const client = await bed.connect();
    client.send(`POST ${chatPath} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{"model":`);
    client.socket.end();
    expect(await bed.nextRecord()).toMatchObject({ ...closed, status: 499, key: undefined });
    expect(bed.upstream.connections.opened).toBe(0);
  });

  test("takes the requests with it that it has sent behind, before they begin", async () => {
    const bed = await startProxy();
    bed.upstream.fault({ kind: "stall-before-head" }, { times: "always" });
    const client = await bed.connect();
    client.request({ path: "/v1/models/a" }).request({ path: "/v1/models/b" });
    await bed.upstream.waitForRequest();
    client.close();
    await bed.upstream.waitForAbort();
    expect(await bed.nextRecord()).toMatchObject({ ...closed, path: "/v1/models/a" });
    expect(bed.upstream.requests).toHaveLength(1);
  });
});
