import * as fc from "fast-check";
import { expect, test } from "vitest";
import { RequestBody, type BodyLine } from "./request-body.ts";

const line: BodyLine = { failure: () => new Error("too large"), wantBody: () => undefined };

/** Gives the bytes in pieces, each from memory that is used again; it is asked for after so many of them. */
function readIn(sizes: readonly number[], bytes: Buffer, contentLength: number, askedAfter: number) {
  const body = new RequestBody(line, contentLength);
  const shared = Buffer.alloc(bytes.length);
  let read: Uint8Array | Promise<Uint8Array> | undefined;
  let at = 0;
  for (let index = 0; at < bytes.length; index++) {
    if (index === askedAfter) read = body.readWhole(Infinity, undefined);
    const size = Math.min(sizes[index] ?? bytes.length, bytes.length - at);
    bytes.copy(shared, 0, at, at + size);
    body.content(shared, 0, size);
    shared.fill(0xdb);
    at += size;
  }
  body.complete();
  return read ?? body.readWhole(Infinity, undefined);
}

test("a body is the same in whatever pieces it comes, whenever it is asked for, of known length or not", async () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 300 }).map((array) => Buffer.from(array));
  const sizes = fc.array(fc.integer({ min: 1, max: 60 }));
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
  void body.readWhole(announced, undefined);
  const piece = Buffer.alloc(64 * 1024);
  for (let index = 0; index < 16; index++) body.content(piece, 0, piece.length);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024);
});

test("a body that turns out to be longer than it may be is nobody's", async () => {
  const body = new RequestBody(line, 1000);
  const read = body.readWhole(500, undefined);
  for (let index = 0; index < 6; index++) body.content(Buffer.alloc(100), 0, 100);
  await expect(read).rejects.toThrow("too large");
});
