import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { openAIDialect } from "../../index.ts";

function idsIn(...chunks: (string | Uint8Array)[]): string[] {
  const ids: string[] = [];
  const scanner = openAIDialect.responseIdScanner?.((id) => ids.push(id));
  for (const chunk of chunks) scanner?.push(Buffer.from(chunk));
  return ids;
}

const bytesOf = (answer: Uint8Array) => Array.from(answer, (byte) => Uint8Array.of(byte));
const fixture = (name: string) => readFile(new URL(`fixtures/${name}`, import.meta.url));

describe("the id of a response", () => {
  test.each(["responses.json", "responses-stream.sse"])("is read from %s, however it is split", async (name) => {
    const answer = await fixture(name);
    const [id = ""] = /resp_\w+/.exec(answer.toString()) ?? [];
    expect(id).not.toBe("");
    expect([idsIn(answer), idsIn(...bytesOf(answer))]).toEqual([[id], [id]]);
  });

  test("is told before the stream has ended, and once", async () => {
    const [first = "", ...rest] = (await fixture("responses-stream.sse")).toString().split(/(?<=\n\n)/);
    expect(idsIn(first)).toEqual(idsIn(first, ...rest));
    expect(idsIn(first).length).toBe(1);
  });

  test("is that of the response itself, wherever the server writes what it is", () => {
    expect(idsIn('{"id":"r-1","created_at":1,"output":[{"id":"msg_1"}],"object":"response"}')).toEqual(["r-1"]);
  });

  test.each([
    '{"id":"resp_1","object":"response.compaction","output":[]}',
    '{"id":"chatcmpl-1","object":"chat.completion"}',
    '{"object":"response","id":""}',
    '{"object":"response","id":null}',
    '{"object":"response.input_tokens","input_tokens":11}',
    '{"error":{"message":"\\"id\\":\\"resp_1\\",\\"object\\":\\"response\\""}}',
    "",
  ])("is not in %j", (answer) => {
    expect(idsIn(answer)).toEqual([]);
  });
});
