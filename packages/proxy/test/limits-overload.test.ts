import { assert, asyncProperty, integer, uniqueArray } from "fast-check";
import type { LimitName } from "@keybearer/proxy";
import { describe, expect, test } from "vitest";
import { ai, answering, route } from "./definitions.ts";
import { codeOf } from "./limited.ts";
import { chunkOf, requestBytes, type RawClient } from "./raw-client.ts";
import { chatBody, chatPath, startProxy, type BedOptions, type TestBed } from "./start-proxy.ts";

describe("requests", () => {
  const overloaded = { status: 503, headers: { "retry-after": "1", "content-type": "application/json" } };

  interface Busy {
    readonly bed: TestBed;
    /** Its request is under way, and it is the one that there may be. */
    readonly busy: RawClient;
    /** Their connections began before that request, and after it. */
    readonly clients: readonly RawClient[];
  }

  async function startBusy(): Promise<Busy> {
    const routes: BedOptions["routes"] = (upstream) => [
      answering("served", { matches: [{ path: { exact: "/direct" }, headers: [], query: [] }] }),
      route({ backends: [ai({ hostOverride: upstream.host })] }),
    ];
    const bed = await startProxy({ routes, frontend: { requests: 1 } });
    const before = await bed.connect();
    expect((await before.request({ path: "/direct" }).response()).status).toBe(200);
    await bed.nextRecord();
    bed.upstream.fault({ kind: "stall-after-events", afterEvents: 3 });
    const busy = await bed.connect();
    busy.request({ path: chatPath, body: chatBody({ stream: true }) });
    await busy.take("\n\n");
    return { bed, busy, clients: [before, await bed.connect()] };
  }

  test("beyond so many are told to come again, at once, and their connections stay", async () => {
    const { bed, busy, clients } = await startBusy();
    const requests = [
      {},
      { path: "/direct" },
      { path: chatPath, body: chatBody() },
      { path: "/../x" },
      { method: "TRACE" },
    ];
    for (const client of clients) {
      for (const request of requests) {
        const answer = await client.request(request).response();
        expect(answer).toMatchObject(overloaded);
        expect([codeOf(answer), answer.headers["connection"] === "close"]).toEqual(["overloaded", false]);
      }
    }
    expect(bed.limits).toEqual(Array.from({ length: 10 }, (): LimitName => "overloaded"));
    busy.close();
    expect(await bed.nextRecord()).toMatchObject({ errorCode: "client_closed" });
    for (const client of clients) {
      expect((await client.request({ path: "/direct" }).response()).status).toBe(200);
      // Those that were shed are not in the log.
      expect(await bed.nextRecord()).toMatchObject({ path: "/direct", status: 200 });
    }
    expect(bed.upstream.requests).toHaveLength(1);
  });

  test("beyond so many are told so once each, in whatever pieces they come", async () => {
    const { bed } = await startBusy();
    const requests = [{ path: "/direct" }, { path: chatPath, body: chatBody() }, { path: "/a", headers: ["a", "b"] }];
    const bytes = Buffer.concat(requests.map(requestBytes));
    const cuts = uniqueArray(integer({ min: 1, max: bytes.length - 1 }), { maxLength: 4 });
    await assert(
      asyncProperty(cuts, async (at) => {
        const client = await bed.connect();
        const edges = [0, ...at.toSorted((one, other) => one - other), bytes.length];
        for (const [index, end] of edges.slice(1).entries()) {
          client.send(bytes.subarray(edges[index], end));
          await new Promise((resolve) => void setTimeout(resolve, 2));
        }
        for (const _ of requests) expect(await client.response()).toMatchObject(overloaded);
        client.socket.end();
        await client.ended;
        expect(client.unread).toHaveLength(0);
      }),
      { numRuns: 40 },
    );
  });

  test.each([
    ["a space before a colon", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\n", 400],
    ["two lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 400],
    ["no HTTP", "nonsense\r\n\r\n", 400],
  ])("beyond so many that are malformed end their connection: %s", async (_, bytes, status) => {
    const { bed, clients } = await startBusy();
    for (const client of clients) {
      const answer = await client.send(bytes).response();
      expect([answer.status, answer.headers["connection"]]).toEqual([status, "close"]);
    }
    expect(bed.limits).toEqual(["malformed_request", "malformed_request"]);
  });

  test("beyond so many keep no stop waiting", async () => {
    const { bed, busy, clients } = await startBusy();
    for (const client of clients) await client.request({}).response();
    const closed = bed.proxy.close(10_000);
    await Promise.all(clients.map(({ ended }) => ended));
    busy.close();
    await closed;
  });

  test("beyond so many with a body that is long, or of unknown length, end their connection", async () => {
    const { bed } = await startBusy();
    for (const options of [{ headers: ["content-length", "100000"] }, { headers: ["transfer-encoding", "chunked"] }]) {
      const client = await bed.connect();
      const answer = await client.send(requestBytes({ method: "POST", path: chatPath, ...options })).response();
      expect([answer.status, answer.headers["connection"]]).toEqual([503, "close"]);
      client.send(chunkOf("a".repeat(1000)));
      client.socket.end();
      expect(await client.ended).toBe("end");
    }
  });

  test("of HEAD beyond so many have no body", async () => {
    const { clients } = await startBusy();
    for (const client of clients) {
      expect(await client.request({ method: "HEAD" }).response({ head: true })).toMatchObject(overloaded);
      expect(await client.request({}).response()).toMatchObject(overloaded);
    }
  });
});
