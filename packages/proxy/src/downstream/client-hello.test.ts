import { once } from "node:events";
import { Duplex } from "node:stream";
import { connect, type ConnectionOptions } from "node:tls";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_HELLO_BYTES, readClientHello } from "./client-hello.ts";

/** What OpenSSL sends first. */
async function helloFrom(options: ConnectionOptions): Promise<Buffer> {
  let wrote: (chunk: Buffer) => void = () => undefined;
  const first = new Promise<Buffer>((resolve) => (wrote = resolve));
  const socket = new Duplex({ read: () => undefined, write: (chunk: Buffer) => wrote(chunk) });
  const client = connect({ socket, ...options });
  const hello = await first;
  const closed = once(client, "close");
  client.destroy();
  await closed;
  return hello;
}

/** The same message in records of so many bytes. */
function inRecords(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5);
  const records: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    const fragment = message.subarray(at, at + size);
    const header = Buffer.from([22, 3, 1, 0, 0]);
    header.writeUInt16BE(fragment.length, 3);
    records.push(header, fragment);
  }
  return Buffer.concat(records);
}

test.each([
  ["TLSv1.3", { servername: "api.example.com" }, "api.example.com"],
  ["TLSv1.2", { servername: "API.Example.com", maxVersion: "TLSv1.2" }, "api.example.com"],
  ["no name", { servername: "" }, undefined],
  ["further extensions", { servername: "a.test", ALPNProtocols: ["h2", "http/1.1"] }, "a.test"],
] satisfies [string, ConnectionOptions, string | undefined][])(
  "the name is read from a hello (%s)",
  async (_, options, serverName) => {
    expect(readClientHello(await helloFrom(options))).toEqual({ kind: "hello", serverName });
  },
);

test("whatever of it has come, and in whatever records: as long as something is missing, more has to come", async () => {
  const hello = await helloFrom({ servername: "api.example.com" });
  for (const size of [1, 2, 3, 7, 100]) {
    const records = inRecords(hello, size);
    for (let length = 0; length < records.length; length++) {
      expect(readClientHello(records.subarray(0, length)).kind).toBe("incomplete");
    }
    expect(readClientHello(records)).toEqual({ kind: "hello", serverName: "api.example.com" });
    expect(readClientHello(Buffer.concat([records, Buffer.of(20, 3, 3, 0, 1, 1)])).kind).not.toBe("incomplete");
  }
});

test("a hello that was tampered with is read, incomplete or malformed, and no more than that", async () => {
  const hello = await helloFrom({ servername: "api.example.com" });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(hello.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      fc.nat(hello.length),
      (changes, length) => {
        const bytes = Buffer.from(hello);
        for (const [at, byte] of changes) bytes[at] = byte;
        const read = readClientHello(bytes.subarray(0, length));
        expect(["hello", "incomplete", "malformed"]).toContain(read.kind);
        if (read.kind === "hello") expect(read.serverName ?? "none").toMatch(/^[a-z0-9._-]+$/);
      },
    ),
  );
});

test("noise is malformed, or incomplete while it is short", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const { kind } = readClientHello(bytes);
      expect(kind).toBe(bytes.length === 0 || (bytes[0] === 22 && kind !== "malformed") ? "incomplete" : "malformed");
    }),
  );
});

test("a hello of more than 16 KiB is malformed before it has come", () => {
  const header = Buffer.from([22, 3, 1, 0, 4, 1, 0, 0, 0]);
  header.writeUIntBE(MAX_HELLO_BYTES - 4, 6, 3);
  expect(readClientHello(header).kind).toBe("incomplete");
  header.writeUIntBE(MAX_HELLO_BYTES - 3, 6, 3);
  expect(readClientHello(header).kind).toBe("malformed");
});
