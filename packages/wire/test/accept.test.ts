import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { connect as connectTls, createServer as createTlsServer } from "node:tls";
import { expect, onTestFinished, test, vi } from "vitest";
import { readIntoShared } from "../src/io/accept.ts";
import { SharedBuffers } from "../src/io/shared-buffers.ts";

async function accepted() {
  const server = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const client = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1" });
  onTestFinished(() => void client.destroy());
  const [socket] = (await once(server, "connection")) as [Socket];
  return { server, client, socket };
}

const connectionsOf = (server: Server) => new Promise((resolve) => server.getConnections((_, count) => resolve(count)));

test("this Node lets an accepted connection be read into shared memory", async () => {
  const { server, client, socket } = await accepted();
  const buffers = new SharedBuffers({ poison: true });
  const read: string[] = [];
  const closed = once(socket, "close");
  const reader = readIntoShared(socket, buffers, (length) => read.push(buffers.reading.toString("latin1", 0, length)));
  expect(reader).toBeDefined();
  client.write("one");
  await vi.waitFor(() => expect(read).toEqual(["one"]));
  expect(buffers.reading[0]).toBe(0xdb);
  reader?.write("two");
  expect(String((await once(client, "data"))[0])).toBe("two");
  const ended = once(reader ?? socket, "end");
  expect(await connectionsOf(server)).toBe(1);
  client.end();
  await ended;
  reader?.end();
  await closed;
  expect(await connectionsOf(server)).toBe(0);
  expect(Reflect.get(socket, "_handle")).toBeNull();
});

test("it stops reading and goes on when told", async () => {
  const { client, socket } = await accepted();
  const buffers = new SharedBuffers();
  let bytes = 0;
  const reader = readIntoShared(socket, buffers, (length) => (bytes += length));
  reader?.pause();
  client.write("abc");
  for (let turns = 0; turns < 10; turns++) await new Promise((resolve) => setImmediate(resolve));
  expect(bytes).toBe(0);
  reader?.resume();
  await vi.waitFor(() => expect(bytes).toBe(3));
});

test("what it does not fit is left as it is: TLS, what has been read already, a Node without what it needs", async () => {
  const buffers = new SharedBuffers();
  const { client, socket } = await accepted();
  client.write("early");
  socket.once("readable", () => undefined);
  await vi.waitFor(() => expect(socket.readableLength).toBe(5));
  expect(readIntoShared(socket, buffers, () => undefined)).toBeUndefined();
  expect(String(socket.read())).toBe("early");

  const { socket: other } = await accepted();
  const handle: unknown = Reflect.get(other, "_handle");
  Reflect.set(other, "_handle", { readStart: () => 0, readStop: () => 0, close: () => undefined });
  expect(readIntoShared(other, buffers, () => undefined)).toBeUndefined();
  Reflect.set(other, "_handle", handle);
  const server: unknown = Reflect.get(other, "_server");
  Reflect.set(other, "_server", undefined);
  expect(readIntoShared(other, buffers, () => undefined)).toBeUndefined();
  Reflect.set(other, "_server", server);

  const tls = createTlsServer({ ciphers: "PSK", pskCallback: () => Buffer.alloc(16) }).listen(0, "127.0.0.1");
  await once(tls, "listening");
  onTestFinished(() => void tls.close());
  const secure = connectTls({
    port: (tls.address() as AddressInfo).port,
    host: "127.0.0.1",
    ciphers: "PSK",
    maxVersion: "TLSv1.2",
    checkServerIdentity: () => undefined,
    pskCallback: () => ({ psk: Buffer.alloc(16), identity: "a" }),
  });
  onTestFinished(() => void secure.destroy());
  const [secured] = (await once(tls, "secureConnection")) as [Socket];
  expect(readIntoShared(secured, buffers, () => undefined)).toBeUndefined();
});
