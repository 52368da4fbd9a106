import { createServer } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";
import type { Dial } from "@keybearer/proxy";
import * as fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { startPool, turns, type Asked } from "./held-upstream.ts";

// What a request meets, by its path.
const FATES = ["answered", "late", "closing", "dropped", "broken", "left soon", "left"] as const;
type Fate = (typeof FATES)[number];

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ does: fc.constant("ask" as const), fate: fc.constantFrom<Fate>(...FATES) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant("wait" as const), turns: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constantFrom("refuse", "accept", "cut", "answer" as const) }) },
);

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

const limits = fc.record({ maxConnections: fc.integer({ min: 1, max: 4 }), queueSize: fc.integer({ min: 0, max: 6 }) });

/** Whoever is cut off has to hear of it before another takes the place. A matter of turns: not each time the same one. */
const cutWhileAsked: [{ maxConnections: number; queueSize: number }, Step[]] = [
  { maxConnections: 1, queueSize: 0 },
  [
    { does: "ask", fate: "answered" },
    { does: "wait", turns: 2 },
    { does: "cut" },
    { does: "wait", turns: 1 },
    { does: "ask", fate: "answered" },
  ],
];

test("whatever comes and goes: each request ends once, none is stuck, and the bounds hold", async () => {
  const upstream = await startFateful();
  await fc.assert(
    fc.asyncProperty(limits, fc.array(step, { minLength: 1, maxLength: 60 }), async (bounds, steps) => {
      const { pool, ask, opened, open, dial, most } = startCounted(upstream.port, bounds);
      const asked: { readonly fate: Fate; readonly before: number; readonly ended: Promise<unknown> }[] = [];
      const outstanding = new Set<Asked>();
      let refusals = 0;
      for (const each of steps) {
        if (each.does === "wait") await turns(each.turns);
        else if (each.does === "answer") upstream.answerLate();
        else if (each.does === "cut") dial.cut();
        else if (each.does !== "ask") dial.refuses = each.does === "refuse";
        else {
          const before = outstanding.size;
          const mustRefuse = before >= bounds.maxConnections + bounds.queueSize;
          const one = ask(`/${each.fate.replace(" ", "-")}`, each.fate === "late" ? undefined : "body");
          outstanding.add(one);
          const ended = one.answer.then(
            () => "answered",
            (error: { code?: string }) => (error.code === "upstream_busy" ? "busy" : "failed"),
          );
          const leave = (): void => {
            outstanding.delete(one);
            one.leave();
          };
          void ended.then(() => outstanding.delete(one));
          asked.push({ fate: each.fate, before, ended });
          if (mustRefuse) {
            expect(await ended).toBe("busy");
            refusals++;
          }
          if (each.fate === "left") leave();
          else if (each.fate === "left soon") setImmediate(leave);
        }
      }
      dial.refuses = false;
      const answering = setInterval(() => upstream.answerLate(), 1);
      const ends = await Promise.all(asked.map(({ ended }) => ended));
      clearInterval(answering);
      const isCalm = !steps.some(({ does }) => does === "refuse" || does === "cut");
      for (const [place, end] of ends.entries()) {
        const { fate, before = 0 } = asked[place] ?? {};
        if (fate === "dropped" || fate === "broken") expect(end).not.toBe("answered");
        else if (isCalm && !fate?.startsWith("left") && before < bounds.queueSize) expect(end).toBe("answered");
      }
      expect(ends.filter((end) => end === "busy").length).toBeGreaterThanOrEqual(refusals);
      // And it still serves, once what was under way has left.
      await turns(10);
      expect(await ask("/answered").answer).toBe("/answered");
      expect(most()).toBeLessThanOrEqual(bounds.maxConnections);
      await pool.destroy();
      expect(open()).toBe(0);
      expect(opened()).toBeGreaterThan(0);
    }),
    { numRuns: 110, examples: Array.from({ length: 10 }, () => cutWhileAsked) },
  );
}, 60_000);

/** Does to each request what its path says. */
async function startFateful() {
  let late: (() => void)[] = [];
  const server = createServer((request, response) => {
    const answer = () => void response.end(request.url);
    request.resume();
    switch (request.url) {
      case "/late":
        late.push(answer);
        return;
      case "/closing":
        response.setHeader("connection", "close");
        answer();
        return;
      case "/dropped":
        request.socket.destroy();
        return;
      case "/broken":
        response.writeHead(200, { "content-length": 100 }).write("half");
        setImmediate(() => request.socket.destroy());
        return;
      default:
        answer();
    }
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  onTestFinished(() => server.close().closeAllConnections());
  return {
    port: (server.address() as AddressInfo).port,
    answerLate() {
      for (const answer of late) answer();
      late = [];
    },
  };
}

/** A pool whose sockets are counted where they are opened: never more than it may have. */
function startCounted(port: number, bounds: { readonly maxConnections: number; readonly queueSize: number }) {
  const sockets = new Set<Socket>();
  let most = 0;
  const dial = {
    refuses: false,
    cut() {
      for (const socket of sockets) socket.destroy();
    },
  };
  const open: Dial = (done) => {
    if (dial.refuses) {
      setImmediate(done, Object.assign(new Error("refused"), { code: "ECONNREFUSED" }), null);
      return;
    }
    let isOpen = false;
    const socket = connect(port, "127.0.0.1", () => {
      isOpen = true;
      done(null, socket);
    });
    sockets.add(socket);
    // A socket that was destroyed is closed, though it says so a turn later.
    most = Math.max(most, [...sockets].filter(({ destroyed }) => !destroyed).length);
    socket
      .on("error", () => undefined)
      .once("close", () => {
        sockets.delete(socket);
        if (!isOpen) done(new Error("cut"), null);
      });
  };
  return { ...startPool(`127.0.0.1:${port}`, bounds, { dial: () => open }), dial, most: () => most };
}
