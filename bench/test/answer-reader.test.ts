import { expect, test } from "vitest";
import { AnswerError, AnswerReader } from "../load/answer-reader.ts";

const body = Buffer.from("data: one\n\ndata: two\n\n");
const plain = Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body.toString()}`);
const chunked = Buffer.from(
  "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nb\r\ndata: one\n\n\r\nb\r\ndata: two\n\n\r\n0\r\n\r\n",
);

test.each([
  ["a length", plain],
  ["chunks", chunked],
])("an answer with %s is complete at its last byte, wherever it is cut", (_, answer) => {
  const reader = new AnswerReader(body);
  for (const size of [1, 7, 30, answer.length]) {
    const complete: boolean[] = [];
    for (let at = 0; at < answer.length; at += size) complete.push(reader.push(answer.subarray(at, at + size)));
    expect(complete.indexOf(true)).toBe(complete.length - 1);
    expect(reader.received).toBe(body.length);
  }
});

test("another body, a shorter one and a longer one are noticed", () => {
  for (const expected of ["data: one\n\ndata: two\n", "data: one\n\ndata: TWO\n\n", `${body.toString()}\n`]) {
    expect(() => new AnswerReader(Buffer.from(expected)).push(chunked)).toThrow(AnswerError);
  }
});

test.each([
  ["another status", "HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n", "status 502"],
  ["bytes behind the answer", `${plain.toString()}HTTP`, "bytes behind the answer"],
  ["no length", "HTTP/1.1 200 OK\r\n\r\n", "an answer without a length"],
  ["a chunk without a size", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n", "a chunk without a size"],
])("%s is a fault", (_, answer, fault) => {
  expect(() => new AnswerReader(body).push(Buffer.from(answer))).toThrow(fault);
});

test("a body is collected where that is asked for", () => {
  const reader = new AnswerReader(undefined, { collect: true });
  reader.push(plain);
  reader.push(chunked);
  expect(reader.body).toEqual(body);
});
