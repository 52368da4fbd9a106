import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as fc from "fast-check";
import { expect, test, vi } from "vitest";
import { RequestBody, type BodyLine } from "./request-body.ts";

const line: BodyLine = { failure: () => new Error("too large"), wantBody: () => undefined };

/** Gives the bytes in pieces, each from memory that is used again; it is asked for after so many of them. */
function readIn(sizes: readonly number[], bytes: Buffer, contentLength: number, askedAfter: number) {
  const body = new RequestBody(line, contentLength);
  const shared = Buffer.alloc(bytes.length);
  let read: Uint8Array | Promise<Uint8Array> | undefined;
  let at = 0;
  for (let index = 0; at < bytes.length; index++) {
    if (index === askedAfter) read = body.readWhole({ limitBytes: Infinity });
    const size = Math.min(sizes[index] ?? bytes.length, bytes.length - at);
    bytes.copy(shared, 0, at, at + size);
    body.content(shared, 0, size);
    shared.fill(0xdb);
    at += size;
  }
  body.complete();
  return read ?? body.readWhole({ limitBytes: Infinity });
}

test("a body is the same in whatever pieces it comes, whenever it is asked for, of known length or not", async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 300 }).map((array) => Buffer.from(array)),
    fc.integer({ min: 300, max: 20_000 }).map((length) => Buffer.from(Array.from({ length }, (_, at) => at % 251))),
  );
  const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 6_000 })), {
    maxLength: 300,
  });
  await fc.assert(
    fc.asyncProperty(bytes, sizes, fc.boolean(), fc.nat(8), async (content, pieces, isKnown, askedAfter) => {
      const read = await readIn(pieces, content, isKnown ? content.length : -1, askedAfter);
      expect(Buffer.from(read)).toEqual(content);
    }),
  );
});

test("a body that is only announced takes little memory", () => {
  const announced = 64 * 1024 * 1024;
  const before = process.memoryUsage().arrayBuffers;
  const body = new RequestBody(line, announced);
  void body.readWhole({ limitBytes: announced });
  const piece = Buffer.alloc(64 * 1024);
  for (let index = 0; index < 16; index++) body.content(piece, 0, piece.length);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024);
});

test("a body that turns out to be longer than it may be is nobody's", async () => {
  const body = new RequestBody(line, 1000);
  const read = body.readWhole({ limitBytes: 500 });
  for (let index = 0; index < 6; index++) body.content(Buffer.alloc(100), 0, 100);
  await expect(read).rejects.toThrow("too large");
});

test.each([
  ["read whole", true],
  ["that nobody has asked for yet", false],
])("a body of unknown length in pieces of one byte, %s, takes little more memory than itself", async (_, isAsked) => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const used = (): number => {
    collect();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return heapUsed + arrayBuffers;
  };
  const body = new RequestBody(line, -1);
  const asked = isAsked ? body.readWhole({ limitBytes: Infinity }) : undefined;
  const before = used();
  const piece = Buffer.from("x");
  for (let count = 0; count < 500_000; count++) body.content(piece, 0, 1);
  // Some versions of Node give memory back a little later.
  await vi.waitFor(() => expect(used() - before).toBeLessThan(2_000_000));
  body.complete();
  expect((await (asked ?? body.readWhole({ limitBytes: Infinity }))).length).toBe(500_000);
});

test("a body is read piece by piece, whether its pieces were kept together or not", async () => {
  const body = new RequestBody(line, -1);
  for (const size of [1, 2, 3, 5_000, 4, 5]) body.content(Buffer.alloc(size, size), 0, size);
  body.complete();
  const read: Uint8Array[] = [];
  for await (const piece of body.readPieces(Infinity)) read.push(piece);
  expect(Buffer.concat(read)).toEqual(Buffer.concat([1, 2, 3, 5_000, 4, 5].map((size) => Buffer.alloc(size, size))));
});

test.each([
  ["of known length", 3_000],
  ["of unknown length", -1],
])("a body %s for which there is no memory fails, and is asked for as it needs it", async (_, contentLength) => {
  const asked: number[] = [];
  const reserve = {
    take: (bytes: number) => asked.push(bytes) > 0 && asked.reduce((sum, each) => sum + each) <= 2_000,
    error: new Error("full"),
  };
  const body = new RequestBody(line, contentLength);
  body.content(Buffer.alloc(1_000), 0, 1_000);
  const read = Promise.resolve(body.readWhole({ limitBytes: Infinity, reserve }));
  read.catch(() => undefined);
  for (let count = 0; count < 2; count++) body.content(Buffer.alloc(1_000), 0, 1_000);
  await expect(read).rejects.toThrow("full");
  expect(asked).toEqual(contentLength === -1 ? [1_000, 1_000, 1_000] : [3_000]);
});
