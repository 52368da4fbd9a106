import { EventEmitter, once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { connectionPools, createUpstreams, originOf, type Dial, type UpstreamLimits } from "@keybearer/proxy";
import { request, type Dispatcher } from "undici";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { host, route } from "./definitions.ts";
import { startHeld, startPool, turns, type Held, type HeldUpstream } from "./held-upstream.ts";
import type { RawResponse } from "./raw-client.ts";
import { startProxy } from "./start-proxy.ts";

const local = ({ port }: HeldUpstream): string => `127.0.0.1:${port}`;

describe("a pool's connections", () => {
  test("are reused, the one that served last first", async () => {
    const upstream = await startHeld();
    const { ask } = startPool(local(upstream));
    const asked = [ask("/a"), ask("/b"), ask("/c")];
    const held = [await upstream.next(), await upstream.next(), await upstream.next()];
    for (const place of [1, 0, 2]) {
      held[place]?.answer();
      await asked.find((_, each) => held[place]?.path === ["/a", "/b", "/c"][each])?.answer;
      await turns();
    }
    for (const place of [2, 2]) {
      const again = ask("/again");
      const one = await upstream.next();
      expect(one.connection).toBe(held[place]?.connection);
      one.answer();
      await again.answer;
      expect(again.isReused()).toBe(true);
      await turns();
    }
    const both = [ask("/d"), ask("/e")];
    const served = [await upstream.next(), await upstream.next()].map(({ connection }) => connection);
    expect(served).toEqual([held[2]?.connection, held[0]?.connection]);
    expect(asked.map(({ isReused }) => isReused())).toEqual([false, false, false]);
    for (const each of both) each.leave();
  });

  test("are never more than maxConnections, and every request is answered, in the order in which they came", async () => {
    const upstream = await startHeld({ answerAll: true });
    const { ask } = startPool(local(upstream), { maxConnections: 4 });
    const paths = Array.from({ length: 200 }, (_, place) => `/${place}`);
    expect(await Promise.all(paths.map((path) => ask(path).answer))).toEqual(paths);
    expect(upstream.most()).toBe(4);
    const places = upstream.paths.map((path) => Number(path.slice(1)));
    // Four are under way at once, and may overtake each other.
    for (const [at, place] of places.entries()) expect(Math.abs(at - place)).toBeLessThan(4);
  });

  test("that the upstream closes are not used again", async () => {
    const upstream = await startHeld({ answerAll: true });
    const { ask, closing, open } = startPool(local(upstream));
    await ask("/a").answer;
    await turns();
    const closed = closing();
    upstream.hangUp();
    await closed;
    expect(open()).toBe(0);
    const next = ask("/b");
    expect(await next.answer).toBe("/b");
    expect(next.isReused()).toBe(false);
  });

  test.each([
    ["closes without an answer", (each: Held) => each.drop()],
    ["is no more to be used after its answer", (each: Held) => each.answer({ connection: "close" })],
    ["lives too short to be used again", (each: Held) => each.answer({ "keep-alive": "timeout=2" })],
  ])("leave room for another when one %s", async (_case, act) => {
    const upstream = await startHeld();
    const { ask, open } = startPool(local(upstream), { maxConnections: 1 });
    const first = ask("/a");
    const second = ask("/b");
    act(await upstream.next());
    await first.answer.catch(() => undefined);
    (await upstream.next()).answer();
    expect(await second.answer).toBe("/b");
    expect(second.isReused()).toBe(false);
    expect(open()).toBe(1);
  });

  test("take the request with them when they end at that moment, to another one", async () => {
    const upstream = await startHeld({ answerAll: true });
    const sockets: Socket[] = [];
    const { ask, open } = startPool(local(upstream), { maxConnections: 1 }, { dial: watchedDial(sockets) });
    await ask("/a", "body").answer;
    await turns();
    const second = ask("/b", "body");
    sockets[0]?.destroy();
    expect(await second.answer).toBe("/b");
    expect(upstream.paths).toEqual(["/a", "/b"]);
    expect([sockets.length, open()]).toEqual([2, 1]);
    await turns();
    expect(await ask("/c").answer).toBe("/c");
    expect(sockets).toHaveLength(2);
  });

  test("serve every Host, behind TLS too", async () => {
    const upstream = await startHeld({ answerAll: true });
    const sockets: Socket[] = [];
    const tls = { insecure: false, insecureHost: false };
    // In clear text: the handshake is the dial's business.
    const { ask } = startPool(local(upstream), {}, { dial: watchedDial(sockets), tls });
    for (const name of ["one.test", "two.test", "one.test"]) {
      await ask("/", undefined, name).answer;
      await turns();
    }
    expect(sockets).toHaveLength(1);
  });

  test("are closed when they have been idle for long, those that never served too", async () => {
    const upstream = await startHeld();
    const { ask, closing, open, opened } = startPool(local(upstream), { idleTimeoutMs: 30 });
    const used = ask("/a");
    const held = await upstream.next();
    await new Promise((resolve) => setTimeout(resolve, 60));
    held.answer();
    await used.answer;
    await closing();
    expect(open()).toBe(0);
    ask("/left while it is opened").leave();
    await closing();
    expect([open(), opened()]).toEqual([0, 2]);
    await vi.waitFor(() => expect(upstream.open()).toBe(0));
    expect(upstream.paths).toEqual(["/a"]);
  });

  test("are kept while idle up to maxIdleConnections, the coldest goes", async () => {
    const upstream = await startHeld();
    const { ask, closing, open } = startPool(local(upstream), { maxIdleConnections: 1 });
    const asked = [ask(), ask()];
    const held = [await upstream.next(), await upstream.next()];
    const closed = closing();
    for (const one of held) {
      one.answer();
      await turns();
    }
    await Promise.all(asked.map(({ answer }) => answer));
    await closed;
    expect(open()).toBe(1);
    const next = ask();
    expect((await upstream.next()).connection).toBe(held[1]?.connection);
    next.leave();
  });

  test("serve whoever has waited longest, whichever is free first: one in use or one that is being opened", async () => {
    const upstream = await startHeld();
    const { dials, dial } = lateDial(upstream);
    const { ask, open } = startPool(local(upstream), { maxConnections: 2 }, { dial });
    const first = ask("/a");
    dials[0]?.open();
    const held = await upstream.next();
    const second = ask("/b");
    expect(dials).toHaveLength(2);
    held.answer();
    await first.answer;
    const next = await upstream.next();
    expect([next.path, next.connection]).toEqual(["/b", held.connection]);
    dials[1]?.open();
    await vi.waitFor(() => expect(open()).toBe(2));
    const third = ask("/c");
    const last = await upstream.next();
    expect([last.path, last.connection === held.connection, dials.length]).toEqual(["/c", false, 2]);
    next.answer();
    last.answer();
    expect([await second.answer, await third.answer]).toEqual(["/b", "/c"]);
  });

  test("tell whoever was told to wait when there is room", async () => {
    const upstream = await startHeld();
    const { pool, ask } = startPool(local(upstream), { maxConnections: 1 });
    const drained = new Promise((resolve) => pool instanceof EventEmitter && pool.once("drain", resolve));
    const asked = [ask("/a"), ask("/b")];
    for (const { answer } of asked) {
      (await upstream.next()).answer();
      await answer;
    }
    await drained;
  });

  test("take an answer's head up to headBytes", async () => {
    const upstream = await startHeld();
    const asked = async (limits: Partial<UpstreamLimits>, bytes: number): Promise<unknown> => {
      const { answer } = startPool(local(upstream), limits).ask("/a");
      (await upstream.next()).answer({ "x-large": "x".repeat(bytes) });
      return answer.catch(codeOf);
    };
    expect(await asked({}, 31 * 1024)).toBe("/a");
    expect(await asked({}, 33 * 1024)).toBe("UND_ERR_HEADERS_OVERFLOW");
    expect(await asked({ headBytes: 64 * 1024 }, 33 * 1024)).toBe("/a");
  });

  test("stay whole when undici will not take a request", async () => {
    const upstream = await startHeld({ answerAll: true });
    const { ask, opened } = startPool(local(upstream), { maxConnections: 1 });
    await ask("/a").answer;
    await turns();
    for (let count = 0; count < 2; count++) {
      expect(await ask("no path").answer.catch(codeOf)).toBe("UND_ERR_INVALID_ARG");
      await turns();
    }
    expect(await ask("/b").answer).toBe("/b");
    expect(opened()).toBe(1);
  });
});

describe("a request that finds no connection", () => {
  test("waits in a bounded queue; beyond it, it is refused at once", async () => {
    const upstream = await startHeld();
    const { ask, limits } = startPool(local(upstream), { maxConnections: 1, queueSize: 2 });
    const asked = ["/a", "/b", "/c"].map((path) => ask(path));
    let refusal: unknown;
    void ask("/d").answer.catch((error: unknown) => (refusal = error));
    await Promise.resolve();
    expect(refusal).toMatchObject({ code: "upstream_busy", status: 503, retryAfterMs: 1_000, isUnsent: true });
    expect(limits).toEqual(["upstream_queue_full"]);
    for (let count = 0; count < 3; count++) (await upstream.next()).answer();
    expect(await Promise.all(asked.map(({ answer }) => answer))).toEqual(["/a", "/b", "/c"]);
  });

  test("does not count as waiting while a connection is opened for it", async () => {
    const upstream = await startHeld({ answerAll: true });
    const { ask, limits } = startPool(local(upstream), { maxConnections: 4, queueSize: 0, queueTimeoutMs: 1 });
    const asked = ["/a", "/b", "/c", "/d", "/e"].map((path) => ask(path).answer.catch(codeOf));
    expect(new Set(await Promise.all(asked))).toEqual(new Set(["/a", "/b", "/c", "/d", "upstream_busy"]));
    expect(limits).toEqual(["upstream_queue_full"]);
  });

  test("waits no longer than queueTimeoutMs", async () => {
    const upstream = await startHeld();
    const { ask, limits } = startPool(local(upstream), { maxConnections: 1, queueTimeoutMs: 20 });
    const first = ask("/a");
    expect(await ask("/b").answer.catch(codeOf)).toBe("upstream_busy");
    expect(limits).toEqual(["upstream_queue_wait"]);
    (await upstream.next()).answer();
    expect(await first.answer).toBe("/a");
    await turns();
    expect(upstream.paths).toEqual(["/a"]);
  });

  test("waits longer when a connection is being opened for it by then", async () => {
    const upstream = await startHeld();
    const { dials, dial } = lateDial(upstream);
    const { ask, limits } = startPool(local(upstream), { maxConnections: 1, queueTimeoutMs: 20 }, { dial });
    const first = ask("/a");
    const second = ask("/b");
    dials[0]?.open();
    (await upstream.next()).drop();
    await first.answer.catch(codeOf);
    const third = ask("/c");
    expect(await third.answer.catch(codeOf)).toBe("upstream_busy");
    dials[1]?.open();
    (await upstream.next()).answer();
    expect([await second.answer, limits]).toEqual(["/b", ["upstream_queue_wait"]]);
  });

  test("is not failed by one that was opened for another", async () => {
    const upstream = await startHeld();
    const { dials, dial } = lateDial(upstream);
    const { ask } = startPool(local(upstream), { maxConnections: 3 }, { dial });
    const first = ask("/a");
    dials[0]?.open();
    const held = await upstream.next();
    const [second, third] = [ask("/b"), ask("/c")];
    held.answer();
    await first.answer;
    const next = await upstream.next();
    dials[1]?.fail();
    dials[2]?.open();
    (await upstream.next()).answer();
    next.answer();
    expect([await second.answer, await third.answer]).toEqual(["/b", "/c"]);
  });

  test("leaves its place when its client leaves, and the upstream never sees it", async () => {
    const upstream = await startHeld();
    const { ask, limits } = startPool(local(upstream), { maxConnections: 1, queueSize: 1 });
    const first = ask("/a");
    ask("/b").leave();
    const third = ask("/c");
    (await upstream.next()).answer();
    (await upstream.next()).answer();
    expect([await first.answer, await third.answer]).toEqual(["/a", "/c"]);
    expect([upstream.paths, limits]).toEqual([["/a", "/c"], []]);
  });
});

describe("a connection that cannot be had", () => {
  test("fails one request for each try, and the pool serves as soon as there is an upstream again", async () => {
    const first = await startHeld({ answerAll: true });
    const { ask, closing } = startPool(local(first), { maxConnections: 2 });
    const refused: Dial = (done) =>
      void setImmediate(done, Object.assign(new Error("refused"), { code: "ECONNREFUSED" }), null);
    let isUp = false;
    const other = startPool(
      local(first),
      { maxConnections: 2 },
      {
        dial: () => (done) => (isUp ? watchedDial([])(upstreamOf(first))(done) : refused(done)),
      },
    );
    const asked = Array.from({ length: 20 }, () => other.ask().answer.catch(codeOf));
    expect(new Set(await Promise.all(asked))).toEqual(new Set(["ECONNREFUSED"]));
    isUp = true;
    expect(await other.ask("/up").answer).toBe("/up");
    await ask().answer;
    first.hangUp();
    await closing();
  });

  test("is given up after connectTimeoutMs, and that is counted", async () => {
    const { ask, limits } = startPool("never.test:80", { connectTimeoutMs: 20 }, { lookup: () => undefined });
    expect(await ask().answer.catch(codeOf)).toBe("UND_ERR_CONNECT_TIMEOUT");
    expect(limits).toEqual(["connect_timeout"]);
  });
});

describe("an upstream that closes each connection at once", () => {
  test.each(["end", "destroy", "resetAndDestroy"] as const)("fails the request, and soon: %s", async (how) => {
    let connections = 0;
    const server = createServer((socket) => {
      connections += 1;
      socket.on("error", () => undefined)[how]();
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const { ask } = startPool(`127.0.0.1:${port}`);
    expect(await ask().answer.catch(codeOf)).toMatch(/^(?:UND_ERR_SOCKET|ECONNRESET|EPIPE)$/);
    expect(connections).toBeLessThanOrEqual(2);
  });
});

describe("a pool that ends", () => {
  test("fails what waits and what is under way, closes its sockets, and takes nothing more", async () => {
    const upstream = await startHeld();
    const { pool, ask, open } = startPool(local(upstream), { maxConnections: 1 });
    const asked = [ask("/a"), ask("/b"), ask("/c")].map(({ answer }) => answer.catch(codeOf));
    await upstream.next();
    await pool.destroy();
    expect(await Promise.all(asked)).toEqual(Array(3).fill("UND_ERR_DESTROYED"));
    expect(await ask("/d").answer.catch(codeOf)).toBe("UND_ERR_DESTROYED");
    expect(open()).toBe(0);
    await vi.waitFor(() => expect(upstream.open()).toBe(0));
    expect(upstream.paths).toEqual(["/a"]);
    await pool.destroy();
  });

  test("gently lets its requests end first", async () => {
    const upstream = await startHeld();
    const { pool, ask, open } = startPool(local(upstream), { maxConnections: 1 });
    const asked = [ask("/a"), ask("/b")];
    const closed = pool.close();
    expect(await ask("/c").answer.catch(codeOf)).toBe("UND_ERR_DESTROYED");
    (await upstream.next()).answer();
    (await upstream.next()).answer();
    expect(await Promise.all(asked.map(({ answer }) => answer))).toEqual(["/a", "/b"]);
    await closed;
    expect(open()).toBe(0);
  });
});

describe("a gateway before a pool that is full", () => {
  async function startFull() {
    const upstream = await startHeld();
    const dispatched: string[] = [];
    const pools = connectionPools({ limits: { maxConnections: 1, queueSize: 1 } });
    const bed = await startProxy({
      routes: () => [route({ backends: [host({ host: local(upstream) })] })],
      dispatcher(origin, tls) {
        const pool = pools(origin, tls);
        const dispatch = pool.dispatch.bind(pool);
        pool.dispatch = (request, handler) => dispatched.push(request.path) > 0 && dispatch(request, handler);
        return pool;
      },
    });
    const first = bed.send({ path: "/first" });
    return { upstream, bed, dispatched, first, held: await upstream.next() };
  }

  test("answers 503 at once, with Retry-After, and serves what waits", async () => {
    const { upstream, bed, first, held } = await startFull();
    const answers: RawResponse[] = [];
    const others = ["/a", "/b", "/c"].map(async (path) => answers.push(await bed.send({ path })));
    await vi.waitFor(() => expect(answers).toHaveLength(2));
    for (const { status, headers, body } of answers) {
      expect([status, headers["retry-after"]]).toEqual([503, "1"]);
      expect(JSON.parse(body.toString())).toMatchObject({ error: { code: "upstream_busy" } });
      expect(await bed.nextRecord()).toMatchObject({ errorCode: "upstream_busy", reason: "NoHealthyBackend" });
    }
    held.answer();
    (await upstream.next()).answer();
    await Promise.all(others);
    expect([(await first).status, answers[2]?.status]).toEqual([200, 200]);
  });

  test("takes the request of a client that leaves out of the queue", async () => {
    const { upstream, bed, dispatched, first, held } = await startFull();
    const client = await bed.connect();
    client.request({ path: "/left" });
    await vi.waitFor(() => expect(dispatched).toContain("/left"));
    client.close();
    expect(await bed.nextRecord()).toMatchObject({ path: "/left", errorCode: "client_closed" });
    const last = bed.send({ path: "/last" });
    held.answer();
    (await upstream.next()).answer();
    expect([(await first).status, (await last).status]).toEqual([200, 200]);
    expect(upstream.paths).toEqual(["/first", "/last"]);
  });
});

describe("the upstreams of several snapshots", () => {
  test("share their pools, which end with the last that has them", async () => {
    const upstream = await startHeld({ answerAll: true });
    const origin = upstreamOf(upstream).origin;
    const upstreams = createUpstreams();
    const [first, second] = [upstreams.lease(), upstreams.lease()];
    const pool = first.dispatcher(origin, undefined);
    expect(second.dispatcher(origin, undefined)).toBe(pool);
    expect(second.dispatcher(origin, { insecure: true, insecureHost: false })).not.toBe(pool);
    const get = async () => (await request(`${origin.url}/a`, { dispatcher: pool as Dispatcher })).body.text();
    first.release();
    first.release();
    expect(await get()).toBe("/a");
    second.release();
    await expect(get()).rejects.toMatchObject({ code: "UND_ERR_DESTROYED" });
    await vi.waitFor(() => expect(upstream.open()).toBe(0));
    const third = upstreams.lease();
    expect(third.dispatcher(origin, undefined)).not.toBe(pool);
    await upstreams.close();
  });
});

function upstreamOf(upstream: HeldUpstream) {
  return { origin: originOf(host({ host: local(upstream) }), undefined) };
}

/** Opens connections, or fails to, when it is told. */
function lateDial(upstream: HeldUpstream) {
  const dials: { open(): void; fail(): void }[] = [];
  const dial = (): Dial => (done) =>
    void dials.push({
      open: () => watchedDial([])(upstreamOf(upstream))(done),
      fail: () => done(new Error("no connection"), null),
    });
  return { dials, dial };
}

/** Keeps the sockets that it opens. */
function watchedDial(sockets: Socket[]) {
  return ({ origin: { hostname, port } }: Pick<ReturnType<typeof upstreamOf>, "origin">): Dial =>
    (done) => {
      const socket = connect(port, hostname, () => done(null, socket)).on("error", () => undefined);
      sockets.push(socket);
    };
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : error;
}
