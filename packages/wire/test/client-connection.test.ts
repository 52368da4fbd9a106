import { execFile } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { promisify } from "node:util";
import {
  createClientDial,
  type ClientConnection,
  type ClientConnectionOptions,
  type ClientHandler,
  type ConnectionOwner,
} from "@keybearer/wire";
import { errors, type Dispatcher } from "undici";
import { describe, expect, test, vi } from "vitest";
import { answering, ask, codeOf, noLimits, open, startUpstream, turns, type Ask } from "./client-bed.ts";

const PLANTED = "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nplanted";
const ok = (text: string, ...lines: readonly string[]): string =>
  ["HTTP/1.1 200 OK", `Content-Length: ${text.length}`, ...lines, "", text].join("\r\n");
const echo = answering((path, socket) => socket.write(ok(path)));

/** Opens a connection whenever there is none, and sends again what was not sent, as a pool does. */
function startOwner(port: number) {
  const told: string[] = [];
  let connection: Promise<ClientConnection> | undefined;
  const owner: ConnectionOwner = {
    freed: () => void told.push("freed"),
    gone: () => void told.push("gone"),
    unsent(request, handler) {
      told.push("unsent");
      connection = undefined;
      void pool.take(request, handler);
    },
  };
  const pool = {
    async take(request: Dispatcher.DispatchOptions, handler: ClientHandler) {
      const current = await (connection ??= open(port, { owner }));
      if (current.isAlive) current.dispatch(request, handler);
      else {
        connection = undefined;
        void pool.take(request, handler);
      }
    },
    dispatch(request: Dispatcher.DispatchOptions, handler: ClientHandler) {
      void pool.take(request, handler);
      return true;
    },
  };
  return { told, ask: (request: Ask) => ask(pool, request) };
}

test("a connection serves one request after the other, and says when it can", async () => {
  const { port, sockets } = await startUpstream(echo);
  const freed = vi.fn<() => void>();
  const connection = await open(port, { owner: { freed, gone: () => undefined } });
  expect(connection.hasServed).toBe(false);
  const reused = vi.fn<() => void>();
  for (let count = 0; count < 50; count++)
    expect((await ask(connection, { path: `/${count}`, handler: { onReused: reused } }).answer).body).toBe(`/${count}`);
  await turns();
  expect([connection.hasServed, connection.remoteAddress, sockets.length]).toEqual([true, "127.0.0.1", 1]);
  expect(freed.mock.calls.length).toBeGreaterThan(0);
  expect(reused).toHaveBeenCalledTimes(49);
});

test("a second request at once is refused, and does the first no harm", async () => {
  const { port } = await startUpstream(echo);
  const connection = await open(port);
  const [first, second] = [ask(connection, { path: "/a" }), ask(connection, { path: "/b" })];
  expect(await second.answer.catch(codeOf)).toBe("UND_ERR_SOCKET");
  expect((await first.answer).body).toBe("/a");
});

describe("bytes that nobody asked for", () => {
  test("end a connection that is free", async () => {
    const { port, sockets } = await startUpstream(echo);
    const gone = vi.fn<() => void>();
    const connection = await open(port, { owner: { freed: () => undefined, gone } });
    await ask(connection).answer;
    await turns();
    sockets[0]?.write("\r\n");
    await vi.waitFor(() => expect(gone).toHaveBeenCalledOnce());
    expect(connection.isAlive).toBe(false);
  });

  test.each(["at once", "once it is known"])("and come with a new connection are no answer: %s", async (when) => {
    let isFirst = true;
    const { port, sockets } = await startUpstream(echo, (socket) => {
      if (isFirst) socket.write(PLANTED);
      isFirst = false;
    });
    const { ask: asking, told } = startOwner(port);
    if (when === "once it is known") await turns();
    expect((await asking({ path: "/a" }).answer).body).toBe("/a");
    expect([told.includes("unsent"), sockets.length]).toEqual([true, 2]);
  });

  const answer = ok("/first");
  test.each(Array.from({ length: (answer + PLANTED).length - 1 }, (_, place) => place + 1))(
    "and come right behind an answer, cut at %i, are not taken for the next",
    async (at) => {
      let isFirst = true;
      const { port } = await startUpstream(
        answering((path, socket) => {
          const bytes = isFirst ? answer + PLANTED : ok(path);
          isFirst = false;
          socket.write(bytes.slice(0, at));
          if (at < bytes.length) socket.write(bytes.slice(at));
        }),
      );
      const { ask: asking } = startOwner(port);
      const paths = ["/b", "/c", "/d"];
      const pipelined: Promise<{ body: string }>[] = [];
      const next = (): void => {
        const path = paths.shift();
        if (path) pipelined.push(asking({ path, handler: { onResponseEnd: next } }).answer);
      };
      expect((await asking({ path: "/first", handler: { onResponseEnd: next } }).answer).body).toBe("/first");
      for (const path of ["/b", "/c", "/d"]) expect((await pipelined.shift())?.body).toBe(path);
    },
  );

  test("and lie in the kernel behind an answer that fills the buffer are not taken for the next", async () => {
    const head = "HTTP/1.1 200 OK\r\nContent-Length: 65494\r\n\r\n";
    const large = head.padEnd(65_536, "a");
    expect(large.length - head.length).toBe(65_494);
    let isFirst = true;
    const { port, sockets } = await startUpstream(
      answering((path, socket) => {
        socket.write(isFirst ? large + PLANTED : ok(path));
        isFirst = false;
      }),
    );
    const { ask: asking } = startOwner(port);
    const next = Promise.withResolvers<string>();
    const onResponseEnd = (): void => void asking({ path: "/b" }).answer.then(({ body }) => next.resolve(body));
    await asking({ path: "/a", handler: { onResponseEnd } }).answer;
    expect(await next.promise).toBe("/b");
    expect(sockets).toHaveLength(2);
  });

  test.each(["bytes", "the end", "a reset"])(
    "%s in the kernel as a request comes: it goes elsewhere, and its handler knows nothing of it",
    async (what) => {
      const { port, sockets } = await startUpstream(echo);
      const { ask: asking, told } = startOwner(port);
      await asking({ path: "/a" }).answer;
      await turns();
      const socket = sockets[0] as Socket;
      if (what === "bytes") socket.write(PLANTED);
      else if (what === "the end") socket.end();
      else socket.resetAndDestroy();
      const asked = asking({ path: "/b" });
      expect((await asked.answer).body).toBe("/b");
      expect(asked.events).toEqual(["request", "200", "data", "end"]);
      expect([told.filter((each) => each === "unsent").length, sockets.length]).toEqual([1, 2]);
    },
  );
});

describe("a request that is given up", () => {
  test("before it is written leaves the connection as it was", async () => {
    const { port, sockets } = await startUpstream(echo);
    const connection = await open(port);
    const left = new Error("left");
    const asked = ask(connection, { path: "/a", handler: { onRequestStart: (controller) => controller.abort(left) } });
    expect(await asked.answer.catch((error: unknown) => error)).toBe(left);
    expect((await ask(connection, { path: "/b" }).answer).body).toBe("/b");
    expect(sockets).toHaveLength(1);
  });

  test.each([
    ["before the head", ""],
    ["within the head", "HTTP/1.1 200"],
    ["behind the head", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"],
    ["within the body", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"],
    ["within a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe"],
  ])("%s ends the connection, and the handler is told once, at once", async (_name, bytes) => {
    const { port, sockets } = await startUpstream(answering((_path, socket) => socket.write(bytes)));
    const connection = await open(port);
    const asked = ask(connection);
    await vi.waitFor(() => expect(asked.controller()).toBeDefined());
    await turns(5);
    const controller = asked.controller();
    controller?.abort(new Error("left"));
    expect(asked.events.at(-1)).toBe("error");
    controller?.abort(new Error("again"));
    controller?.resume();
    await vi.waitFor(() => expect(sockets[0]?.destroyed).toBe(true));
    expect(asked.events.filter((event) => event === "error")).toHaveLength(1);
    expect([controller?.aborted, controller?.reason?.message]).toEqual([true, "left"]);
  });

  test.each(["onResponseStart", "onResponseData"] as const)("in %s gets nothing more", async (step) => {
    const { port } = await startUpstream(echo);
    const asked = ask(await open(port), {
      handler: { [step]: (controller: Dispatcher.DispatchController) => controller.abort(new Error("left")) },
    });
    await asked.answer.catch(() => undefined);
    await turns();
    expect(asked.events.slice(-2)).toEqual([step === "onResponseStart" ? "200" : "data", "error"]);
  });

  test("while it is paused does not wait for more", async () => {
    const { port, sockets } = await startUpstream(answering((_path, socket) => socket.write(ok("a".repeat(500_000)))));
    const asked = ask(await open(port), { handler: { onResponseData: (controller) => controller.pause() } });
    await vi.waitFor(() => expect(asked.controller()?.paused).toBe(true));
    asked.controller()?.abort(new Error("left"));
    await vi.waitFor(() => expect(sockets[0]?.destroyed).toBe(true));
    expect(asked.events.filter((event) => event === "data")).toHaveLength(1);
  });

  test("when it is over does no harm to the next", async () => {
    const { port } = await startUpstream(echo);
    const connection = await open(port);
    const first = ask(connection, { path: "/a" });
    await first.answer;
    const second = ask(connection, { path: "/b" });
    first.controller()?.abort(new Error("late"));
    first.controller()?.pause();
    expect((await second.answer).body).toBe("/b");
  });
});

describe("a connection ends", () => {
  test.each([
    ["Connection: close", false],
    ["Keep-Alive: timeout=2", false],
    ["Keep-Alive: timeout=60, max=5", true],
  ])("as the upstream says: %s", async (line, isKept) => {
    const { port, sockets } = await startUpstream(answering((_path, socket) => socket.write(ok("a", line))));
    const connection = await open(port);
    await ask(connection).answer;
    await turns();
    expect(connection.isAlive).toBe(isKept);
    if (!isKept) await vi.waitFor(() => expect(sockets[0]?.destroyed).toBe(true));
  });

  test("when nothing has happened for too long", async () => {
    const silent = answering((path, socket) => socket.write(path === "/head" ? "HTTP/1.1 " : ok("abc").slice(0, -2)));
    const { port } = await startUpstream(silent);
    const limited = async (options: Partial<ClientConnectionOptions>, request: Ask) =>
      ask(await open(port, options), request).answer.catch(codeOf);
    const gone = Promise.withResolvers<void>();
    await open(port, { idleTimeoutMs: 50, owner: { freed: () => undefined, gone: () => gone.resolve() } });
    const pausing = ask(await open(port, { bodyTimeoutMs: 50 }), {
      path: "/",
      handler: { onResponseData: (controller) => controller.pause() },
    });
    expect(
      await Promise.all([
        limited({ headersTimeoutMs: 50 }, { path: "/head" }),
        limited({ bodyTimeoutMs: 50 }, { path: "/body" }),
        limited({}, { path: "/head", headersTimeout: 50 }),
        limited({}, { path: "/body", bodyTimeout: 50 }),
        gone.promise,
      ]),
    ).toEqual([
      "UND_ERR_HEADERS_TIMEOUT",
      "UND_ERR_BODY_TIMEOUT",
      "UND_ERR_HEADERS_TIMEOUT",
      "UND_ERR_BODY_TIMEOUT",
      undefined,
    ]);
    // It is not the upstream that is silent there.
    expect(pausing.events.at(-1)).toBe("data");
  });

  test("gently: what is under way is answered first, and nothing more is taken", async () => {
    const { port } = await startUpstream(echo);
    const connection = await open(port);
    const asked = ask(connection, { path: "/a" });
    const closed = connection.close();
    expect((await asked.answer).body).toBe("/a");
    await closed;
    expect(await ask(connection).answer.catch(codeOf)).toBe("UND_ERR_DESTROYED");
    expect([connection.closed, connection.destroyed]).toEqual([true, true]);
    await connection.close();
  });

  test("at once: what is under way fails with the reason", async () => {
    const { port } = await startUpstream(() => undefined);
    for (const reason of [new Error("over"), null]) {
      const connection = await open(port);
      const asked = ask(connection);
      await turns();
      await connection.destroy(reason);
      const error = await asked.answer.catch((cause: unknown) => cause);
      if (reason) expect(error).toBe(reason);
      else expect(error).toBeInstanceOf(errors.ClientDestroyedError);
      await new Promise<void>((resolve) => void connection.destroy(null, resolve));
    }
  });
});

test("one handler that throws while it is told does not cost the others their answers", async () => {
  const { port } = await startUpstream(echo);
  const [one, other] = [await open(port), await open(port)];
  await turns();
  const thrown = once(process, "uncaughtException");
  const listeners = process.rawListeners("uncaughtException").slice(0, -1) as (() => void)[];
  for (const listener of listeners) process.off("uncaughtException", listener);
  const fail = (): never => {
    throw new Error("in the handler");
  };
  one.dispatch({ path: "/", method: "GET" }, { onRequestStart: fail, onResponseError: fail });
  const asked = ask(other, { path: "/b" });
  await thrown;
  for (const listener of listeners) process.on("uncaughtException", listener);
  expect((await asked.answer).body).toBe("/b");
});

test("a free connection keeps no process alive, one in use does", async () => {
  let answered = 0;
  const { port } = await startUpstream(
    answering((path, socket) => {
      setTimeout(() => socket.write(ok(path)), 300);
      answered++;
    }),
  );
  const script = `
    import { ClientConnection, createClientDial } from "@keybearer/wire";
    createClientDial({ host: "127.0.0.1", port: ${port}, connectTimeoutMs: 5000 })((error, socket) => {
      const connection = new ClientConnection(socket, { origin: "http://it", ...${JSON.stringify(noLimits)} });
      connection.dispatch({ path: "/a", method: "GET" }, { onResponseEnd: () => console.log("answered") });
    });`;
  const args = ["--conditions=@keybearer/source", "--input-type=module", "-e", script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: import.meta.dirname });
  expect([stdout, answered]).toEqual(["answered\n", 1]);
});

describe("a dial", () => {
  test("is given up after its time", async () => {
    const dial = createClientDial({ host: "never.test", port: 80, connectTimeoutMs: 20, lookup: () => undefined });
    const error = await new Promise((resolve) => dial((cause) => resolve(cause)));
    expect(error).toBeInstanceOf(errors.ConnectTimeoutError);
  });

  test("fails as the system says", async () => {
    const dial = createClientDial({ host: "127.0.0.1", port: 1, connectTimeoutMs: 5_000 });
    expect(await new Promise((resolve) => dial((cause) => resolve(codeOf(cause))))).toBe("ECONNREFUSED");
  });

  test("can be cancelled, and says nothing then", async () => {
    const { port, sockets } = await startUpstream(() => undefined);
    const done = vi.fn<() => void>();
    createClientDial({ host: "127.0.0.1", port, connectTimeoutMs: 5_000 })(done)();
    await turns(5);
    expect(done).not.toHaveBeenCalled();
    expect(sockets.filter(({ destroyed }) => !destroyed).length).toBeLessThan(2);
  });

  test("takes the address that answers, of both kinds", async () => {
    const { port } = await startUpstream(echo);
    const connection = await open(
      port,
      {},
      {
        host: "it.test",
        lookup: (_name, _options, done) =>
          done(null, [
            { address: "::1", family: 6 },
            { address: "127.0.0.1", family: 4 },
          ]),
      },
    );
    expect(connection.remoteAddress).toBe("127.0.0.1");
  });
});

test.each(["pauses and goes on", "pauses and gives up"])(
  "a request that %s before it has begun leaves the connection as it was",
  async (how) => {
    const { port } = await startUpstream(echo);
    const connection = await open(port, { headersTimeoutMs: 1_000 });
    const asked = ask(connection, {
      path: "/first",
      handler: {
        onRequestStart(controller) {
          controller.pause();
          if (how === "pauses and goes on") controller.resume();
          else controller.abort(new Error("given up"));
        },
      },
    });
    const first = await asked.answer.then(
      ({ body }) => body,
      (error: Error) => error.message,
    );
    expect(first).toBe(how === "pauses and goes on" ? "/first" : "given up");
    await turns();
    expect((await ask(connection, { path: "/next" }).answer).body).toBe("/next");
  },
);

test("a request that pauses before it has begun gets nothing until it goes on", async () => {
  const { port } = await startUpstream(echo);
  const asked = ask(await open(port), { path: "/a", handler: { onRequestStart: (controller) => controller.pause() } });
  await turns();
  await turns();
  expect(asked.events).toEqual(["request"]);
  asked.controller()?.resume();
  expect((await asked.answer).body).toBe("/a");
});

test("what an answer said of keep-alive counts until the next answer, which says nothing of it", async () => {
  const said = [["Keep-Alive: timeout=3"], []];
  const { port } = await startUpstream(answering((path, socket) => socket.write(ok(path, ...(said.shift() ?? [])))));
  const connection = await open(port);
  await ask(connection, { path: "/1" }).answer;
  await turns();
  await ask(connection, { path: "/2" }).answer;
  const now = performance.now();
  vi.spyOn(performance, "now").mockImplementation(() => now + 60_000);
  try {
    expect(connection.isAlive).toBe(true);
  } finally {
    vi.restoreAllMocks();
  }
});

test("whoever was told to wait hears when the connection takes another request", async () => {
  const { port } = await startUpstream(echo);
  const connection = await open(port);
  await turns();
  const drained = once(connection, "drain");
  expect(connection.dispatch({ path: "/", method: "GET" }, {})).toBe(false);
  expect(String((await drained)[0])).toBe(`http://127.0.0.1:${port}/`);
});
