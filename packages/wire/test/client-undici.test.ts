/** The contract that undici's own functions hold a dispatcher to. */
import { createServer } from "node:http";
import { once } from "node:events";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import type { ClientConnection } from "@keybearer/wire";
import { errors, fetch, interceptors, request, type Dispatcher } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { codeOf, open } from "./client-bed.ts";

/** By path: `/echo` gives back what it was sent, `/slow` never ends. */
async function start(): Promise<{
  readonly url: string;
  readonly dispatcher: Dispatcher;
  readonly own: ClientConnection;
}> {
  const server = createServer((incoming, outgoing) => {
    if (incoming.url === "/gzip") outgoing.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync("unpacked"));
    else if (incoming.url === "/slow") outgoing.writeHead(200).write("first");
    else if (incoming.url === "/moved") outgoing.writeHead(307, { location: "/echo" }).end();
    else if (incoming.url === "/never") incoming.resume();
    else incoming.pipe(outgoing.writeHead(201, "Made", { "x-a": ["1", "2"] }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => server.close().closeAllConnections());
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  const own = await open(address.port);
  // By shape, not by class: it lacks the functions that undici puts on its own.
  return { url: `http://127.0.0.1:${address.port}`, own, dispatcher: own as unknown as Dispatcher };
}

test("request sends bodies of all kinds, and reads answers", async () => {
  const { url, dispatcher } = await start();
  const bodies = [
    ["text", "text"],
    [Buffer.from("bytes"), "bytes"],
    [Readable.from(["a ", "stream"]), "a stream"],
    [new Blob(["a blob"], { type: "text/plain" }), "a blob"],
    [Readable.from([new Uint16Array([0x6161])]), "aa"],
  ] as const;
  for (const [body, expected] of bodies) {
    const answer = await request(`${url}/echo`, { dispatcher, method: "POST", body: body as Readable });
    expect([answer.statusCode, answer.statusText, answer.headers["x-a"]]).toEqual([201, "Made", ["1", "2"]]);
    expect(await answer.body.text()).toBe(expected);
  }
  const raw = await request(`${url}/echo`, { dispatcher, method: "POST", body: "a", responseHeaders: "raw" });
  expect(raw.headers).toContain("x-a");
  await raw.body.dump();
});

test("request reads large answers at its own pace", async () => {
  const { url, dispatcher } = await start();
  const body = Buffer.alloc(3_000_000, "a");
  const answer = await request(`${url}/echo`, { dispatcher, method: "POST", body, highWaterMark: 1024 });
  let length = 0;
  for await (const chunk of answer.body) {
    length += (chunk as Buffer).length;
    await new Promise(setImmediate);
  }
  expect(length).toBe(body.length);
});

test.each(["/never", "/slow"])("request is given up with its signal: %s", async (path) => {
  const { url, dispatcher, own } = await start();
  const leaving = new AbortController();
  const asked = request(`${url}${path}`, { dispatcher, signal: leaving.signal });
  if (path === "/slow") {
    const { body } = await asked;
    const read = text(body);
    setImmediate(() => leaving.abort());
    await expect(read).rejects.toMatchObject({ name: "AbortError" });
  } else {
    setTimeout(() => leaving.abort(), 20);
    await expect(asked).rejects.toMatchObject({ name: "AbortError" });
  }
  expect(own.isAlive).toBe(false);
  const late = await request(url, { dispatcher }).catch((error: unknown) => error);
  expect(late).toBeInstanceOf(errors.ClientDestroyedError);
  expect(codeOf(late)).toBe("UND_ERR_DESTROYED");
});

test("fetch sends and reads streams, and is given up", async () => {
  const { url, dispatcher } = await start();
  const sent = await fetch(`${url}/echo`, { dispatcher, method: "POST", body: "text" });
  expect([sent.status, sent.statusText, sent.headers.get("x-a"), await sent.text()]).toEqual([
    201,
    "Made",
    "1, 2",
    "text",
  ]);
  const body = ReadableStream.from([Buffer.from("a "), Buffer.from("stream")]);
  const streamed = await fetch(`${url}/echo`, { dispatcher, method: "POST", body, duplex: "half" });
  expect(await streamed.text()).toBe("a stream");
  expect(await (await fetch(`${url}/gzip`, { dispatcher })).text()).toBe("unpacked");
  const leaving = new AbortController();
  const slow = await fetch(`${url}/slow`, { dispatcher, signal: leaving.signal });
  const reader = slow.body?.getReader();
  expect(String(Buffer.from((await reader?.read())?.value ?? []))).toBe("first");
  leaving.abort();
  await expect(reader?.read()).rejects.toMatchObject({ name: "AbortError" });
});

test("interceptors stand before it", async () => {
  const { url, own } = await start();
  const seen: string[] = [];
  const watch: Dispatcher.DispatcherComposeInterceptor = (dispatch) => (options, handler) => {
    seen.push(options.path);
    return dispatch(options, handler);
  };
  const composed = own.compose(watch, interceptors.redirect({ maxRedirections: 1 }));
  const dispatcher = composed as unknown as Dispatcher;
  const moved = await request(`${url}/moved`, { dispatcher, method: "POST", body: "a" });
  expect([moved.statusCode, await moved.body.text()]).toEqual([201, "a"]);
  expect(seen).toEqual(["/moved", "/echo"]);
  await composed.close();
  expect([composed.closed, own.closed]).toEqual([true, true]);
});

test("interceptors that are added one after the other are all asked, the last one first", async () => {
  const { url, own } = await start();
  const asked: string[] = [];
  const named =
    (name: string): Dispatcher.DispatcherComposeInterceptor =>
    (dispatch) =>
    (options, handler) => {
      asked.push(name);
      return dispatch(options, handler);
    };
  const dispatcher = own.compose(named("first"), null).compose([named("second")]) as unknown as Dispatcher;
  const { body } = await request(`${url}/echo`, { dispatcher, method: "POST", body: "a" });
  expect([await body.text(), asked]).toEqual(["a", ["second", "first"]]);
});
