import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, test, vi } from "vitest";
import { requestBytes } from "./raw-client.ts";
import { chatBody, chatPath, startProxy } from "./start-proxy.ts";

describe("a client that does not read", () => {
  test("stops the provider, and is cut when its time is up", async () => {
    const bed = await startProxy({ simulator: { events: 1_000_000 }, frontend: { sendTimeoutMs: 1500 } });
    const client = await bed.connect();
    client.request({ path: chatPath, body: chatBody({ stream: true }) });
    await client.take("\n\n");
    client.socket.pause();
    await bed.upstream.waitForAbort();
    const record = await bed.nextRecord();
    expect(record).toMatchObject({
      status: 200,
      errorCode: "client_closed",
      error: expect.stringContaining("1500 ms"),
    });
    // What the system's buffers hold, and no more.
    expect(record.responseBytes).toBeLessThan(32 * 2 ** 20);
    expect(bed.limits).toEqual(["client_not_reading"]);
    await vi.waitFor(() => expect(bed.openConnections()).toBe(0));
  });

  test("but goes on in time has its whole answer", async () => {
    const bed = await startProxy({ simulator: { events: 100_000 }, frontend: { sendTimeoutMs: 1500 } });
    const socket = connect({ port: bed.port, host: "127.0.0.1" });
    const seen = { bytes: 0, end: "" };
    socket.on("data", (chunk: Buffer) => {
      seen.bytes += chunk.length;
      seen.end = (seen.end + chunk.subarray(-40).toString()).slice(-40);
    });
    socket.write(requestBytes({ path: chatPath, body: chatBody({ stream: true }) }));
    for (let pauses = 0; pauses < 4; pauses++) {
      const next = seen.bytes + 2 ** 20;
      while (seen.bytes < next) await once(socket, "data");
      socket.pause();
      await new Promise((resolve) => void setTimeout(resolve, 600));
      socket.resume();
    }
    expect(await bed.nextRecord()).toMatchObject({ status: 200, errorCode: undefined });
    await vi.waitFor(() => expect(seen.end).toMatch(/data: \[DONE\]\n\n\r\n0\r\n\r\n$/));
    expect(bed.limits).toEqual([]);
    socket.destroy();
  });
});
