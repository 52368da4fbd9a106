import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { Readable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";
import type { ClientHandler } from "@keybearer/wire";
import { expect, onTestFinished, test } from "vitest";
import { answering, ask, open, startUpstream } from "./client-bed.ts";

/** Below what is joined with its framing, and above what is sent apart. */
const CHUNK_BYTES = 50_000;
/** More than the system takes for anyone who does not read. */
const CHUNKS = 300;
/** Letters that are no digits of a chunk's size. */
const TENANTS = ["w", "x", "y", "z"];

/** Reads nothing until it is told; then `count` letters, whatever stands between them. */
async function startHolding() {
  const sockets: Socket[] = [];
  const server = createServer(
    { pauseOnConnect: true },
    (socket) => void sockets.push(socket.on("error", () => undefined)),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return {
    port: address.port,
    async read(socket: Socket): Promise<{ readonly letter: string; readonly foreign: number }> {
      const counts = new Map<number, number>();
      let path = "";
      socket.resume();
      for await (const chunk of socket) {
        const bytes = chunk as Buffer;
        path ||= bytes.toString("latin1", 0, 7);
        for (const byte of bytes) counts.set(byte, (counts.get(byte) ?? 0) + 1);
        if (bytes.subarray(-5).toString() === "0\r\n\r\n") break;
      }
      const letter = path.at(-1) ?? "";
      const others = TENANTS.filter((each) => each !== letter).map((each) => each.charCodeAt(0));
      // Some letters of the head are tenants' too.
      const foreign = [0xdb, ...others].reduce((sum, byte) => sum + (counts.get(byte) ?? 0), 0);
      expect(counts.get(letter.charCodeAt(0))).toBeGreaterThanOrEqual(CHUNK_BYTES * CHUNKS);
      return { letter, foreign };
    },
    sockets,
  };
}

test("tenants whose upstreams do not read, on shared buffers that are poisoned, send their own bytes alone", async () => {
  const upstream = await startHolding();
  const given = new Map<string, number>();
  for (const letter of TENANTS) {
    const chunks = async function* () {
      for (let count = 0; count < CHUNKS; count++) {
        given.set(letter, count);
        yield letter.repeat(CHUNK_BYTES);
      }
    };
    ask(await open(upstream.port), {
      method: "POST",
      path: `/${letter}`,
      body: Readable.from(chunks()),
    });
  }
  for (let before = -1, now = 0; before !== now; now = [...given.values()].reduce((sum, each) => sum + each, 0)) {
    before = now;
    await wait(30);
  }
  // All of them wait, each with something that the system has taken a part of.
  for (const count of given.values()) expect(count).toBeLessThan(CHUNKS - 1);
  const found = await Promise.all(upstream.sockets.map((socket) => upstream.read(socket)));
  expect(found.map(({ letter }) => letter).toSorted()).toEqual(TENANTS);
  for (const { foreign } of found) expect(foreign).toBeLessThan(20);
});

test("tenants whose clients read slowly are given their own bytes alone", async () => {
  const length = 3_000_000;
  const { port } = await startUpstream(
    answering((path, socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n${path.charAt(1).repeat(length)}`);
    }),
  );
  const handler: Partial<ClientHandler> = {
    onResponseData(controller) {
      controller.pause();
      setTimeout(() => controller.resume(), 1);
    },
  };
  const bodies = TENANTS.map(async (letter) => {
    const { body } = await ask(await open(port), { path: `/${letter}`, handler }).answer;
    return body === letter.repeat(length);
  });
  expect(await Promise.all(bodies)).toEqual(TENANTS.map(() => true));
});
