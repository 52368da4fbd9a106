import { once } from "node:events";
import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { allWireEngine, nodeEngine, wireClientEngine } from "./engine.ts";
import { within } from "./hold.ts";
import { holdToNext, holdToResponse, startBed } from "./response-runner.ts";
import { responseCases } from "./responses.ts";

test("each case has a name of its own", () => {
  expect(new Set(responseCases.map(({ name }) => name)).size).toBe(responseCases.length);
});

describe.each([nodeEngine, wireClientEngine, allWireEngine])("$name, answered", (engine) => {
  test.each(responseCases)("$name", (row) => holdToResponse(engine, row));

  describe("bytes that come on a connection where no request is under way", () => {
    const PLANTED = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nplanted";
    const answer = (socket: Socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext");

    test("close it, and are nobody's answer", async () => {
      const bed = await startBed(engine, answer);
      const client = await bed.connect();
      await holdToNext(client);
      const [socket] = bed.upstream.sockets;
      if (!socket) throw new Error("no connection");
      socket.write(PLANTED);
      await within(once(socket, "close"), "the upstream connection to close");
      await holdToNext(client);
      expect(bed.upstream.sockets).toHaveLength(2);
      await bed.close();
    });

    test("are not taken for the answer to a request that comes in the same moment", async () => {
      const bed = await startBed(engine, answer);
      const client = await bed.connect();
      await holdToNext(client);
      for (let round = 0; round < 20; round++) {
        bed.upstream.sockets.at(-1)?.write(PLANTED);
        await holdToNext(client);
      }
      expect(bed.upstream.violations).toEqual([]);
      await bed.close();
    });

    // A new connection is opened for a request. undici reads what comes with it as that request's answer.
    test("and come with a new one harm no request but the one that opened it", async () => {
      const bed = await startBed(engine, answer, (socket, count) => count === 1 && socket.write(PLANTED));
      const client = await bed.connect();
      client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      await within(client.response(), "an answer");
      for (let round = 0; round < 3; round++) await holdToNext(client);
      expect(bed.upstream.sockets).toHaveLength(2);
      await bed.close();
    });
  });
});
