import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { connectionPools } from "@keybearer/proxy";
import { describe, expect, onTestFinished, test } from "vitest";
import { answering, host, route } from "./definitions.ts";
import { engineUnderTest } from "./engine-under-test.ts";
import { codeOf, startHost, startSmall } from "./limited.ts";
import { requestBytes, type RawClient } from "./raw-client.ts";
import { chatBody, chatPath, startProxy, type TestBed } from "./start-proxy.ts";

describe("a body that is waited for", () => {
  const begin = requestBytes({ method: "POST", path: chatPath, headers: ["content-length", "100000"] });

  /** Where it is read and where it is relayed, at the same time: each takes seconds. */
  async function readAndRelayed(check: (bed: TestBed) => Promise<void>): Promise<void> {
    const beds = [await startProxy({ frontend: { bodyTimeoutMs: 1500 } }), await startHost({ bodyTimeoutMs: 1500 })];
    await Promise.all(beds.map(check));
  }

  /** A byte each 50 ms, until the connection ends. */
  function drip(client: RawClient): void {
    const timer = setInterval(() => client.send("a"), 50);
    void client.ended.then(() => clearInterval(timer));
    onTestFinished(() => clearInterval(timer));
  }

  test("must come on by more than a byte now and then", async () => {
    await readAndRelayed(async (bed) => {
      const client = await bed.connect();
      drip(client.send(begin));
      const answer = await client.response();
      expect([answer.status, codeOf(answer), answer.headers["connection"]]).toEqual([408, "request_too_slow", "close"]);
      expect(await bed.nextRecord()).toMatchObject({
        status: 408,
        errorCode: "request_too_slow",
        reason: "InvalidRequest",
      });
      expect(bed.limits).toEqual(["request_too_slow"]);
      for (const { bodyComplete } of bed.upstream.requests) expect(bodyComplete).toBe(false);
    });
  });

  test("may take its time as long as it comes on", async () => {
    await readAndRelayed(async (bed) => {
      const client = await bed.connect();
      client.send(begin);
      const text = chatBody({ padding: "a".repeat(100_000 - chatBody({ padding: "" }).length) });
      for (let at = 0; at < text.length; at += 2500) {
        client.send(text.slice(at, at + 2500));
        await new Promise((resolve) => void setTimeout(resolve, 80));
      }
      expect((await client.response()).status).toBe(200);
      expect(bed.limits).toEqual([]);
    });
  });

  test("does not hold up other clients", async () => {
    const bed = await startProxy();
    const slow = await Promise.all(Array.from({ length: 20 }, () => bed.connect()));
    for (const client of slow) client.send(begin).send("{");
    expect((await bed.chat()).status).toBe(200);
  });

  test.each(["/v1/audio/transcriptions", "/v1/embeddings"])(
    "holds neither a connection nor a key: %s",
    async (path) => {
      const dispatcher = connectionPools({
        engine: engineUnderTest,
        limits: { maxConnections: 1, queueTimeoutMs: 100 },
      });
      const bed = await startProxy({ dispatcher });
      const slow = await Promise.all(Array.from({ length: 5 }, () => bed.connect()));
      const head = requestBytes({ method: "POST", path, headers: ["content-length", "1000000"] });
      for (const client of slow) client.send(head).send("abc");
      expect((await bed.chat()).status).toBe(200);
      expect(bed.upstream.requests).toHaveLength(1);
      expect(bed.outcomes).toHaveLength(1);
    },
  );

  test("is not missed while the provider does not take what has come", async () => {
    const length = 32 * 2 ** 20;
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      let bytes = 0;
      socket.on("data", (chunk) => {
        bytes += chunk.length;
        if (bytes > length) socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
      });
      socket.pause();
      setTimeout(() => socket.resume(), 3000);
    }).listen(0, "127.0.0.1");
    onTestFinished(() => void server.close());
    await once(server, "listening");
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const bed = await startProxy({
      routes: () => [route({ backends: [host({ host: address })] })],
      frontend: { bodyTimeoutMs: 500 },
    });
    expect((await bed.send({ method: "PUT", body: Buffer.alloc(length) })).status).toBe(200);
    expect(bed.limits).toEqual([]);
  });

  test("is not missed while the client waits for a 100", async () => {
    const bed = await startSmall({ bodyTimeoutMs: 1 }, { routes: () => [answering("served")] });
    const client = await bed.connect();
    client.send(requestBytes({ method: "POST", headers: ["expect", "100-continue", "content-length", "3"] }));
    expect((await client.response()).status).toBe(200);
    expect(bed.limits).toEqual([]);
  });

  test("must be whole in time", async () => {
    const bed = await startProxy({ frontend: { receiveTimeoutMs: 200 } });
    const client = await bed.connect();
    drip(client.send(begin));
    expect((await client.response()).status).toBe(408);
    expect(await bed.nextRecord()).toMatchObject({ status: 408, errorCode: "request_too_slow" });
    expect(bed.limits).toEqual(["request_too_slow"]);
  });
});
