/** Whatever clients do, the gateway's memory is afterwards where it was. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { startSimulator, type Simulator, type SimulatorOptions } from "@keybearer/simulator";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { ask, oneRoute } from "../configs.ts";
import type { Keybearer } from "../keybearer.ts";
import { canMeasure, descriptorLimit, growth, MB, startMeasured } from "./memory.ts";

const BODY_LIMIT = 32 * 2 ** 20;
const CONNECTIONS = 10_000;
const VANISHING = 1_000;
/** Until the heap has the size that such a crowd needs: it is not given back, but used again. */
const WARM_UPS = 3;

interface Measured {
  readonly provider: Simulator;
  readonly gateway: Keybearer;
}

async function start(options: SimulatorOptions = {}, settings = ""): Promise<Measured> {
  const provider = await startSimulator({ recordLimit: 10, ...options });
  onTestFinished(() => provider.close());
  const config = `${settings}\n${oneRoute({ upstream: provider.host, auth: "{ key: sk-of-the-gateway }" })}`;
  return { provider, gateway: await startMeasured(config) };
}

describe.skipIf(!canMeasure)("memory stays where it was", () => {
  test("after a stream of a million events", async () => {
    const { gateway } = await start();
    const stream = async (events: number): Promise<number> => {
      const headers = { "x-simulate": `events=${events}` };
      const answer = await ask(gateway.url, { headers, body: { stream: true } });
      let [bytes, end] = [0, ""];
      for await (const chunk of answer.body ?? []) {
        bytes += chunk.length;
        end = Buffer.from(chunk).toString().slice(-20);
      }
      expect(end).toMatch(/data: \[DONE\]\n\n$/);
      return bytes;
    };
    await stream(100_000);
    const { kept, most } = await growth(gateway, async () => {
      expect(await stream(1_000_000)).toBeGreaterThan(100 * MB);
    });
    print("a stream of a million events", { kept, most });
    expect(kept).toBeLessThan(30 * MB);
    expect(most).toBeLessThan(100 * MB);
  });

  test("after bodies at the limit, and one byte above it", async () => {
    const { gateway } = await start();
    const length = JSON.stringify({ model: "m", messages: [], user: "" }).length;
    const bodyOf = (bytes: number) => JSON.stringify({ model: "m", messages: [], user: "a".repeat(bytes - length) });
    const [atLimit, above] = [bodyOf(BODY_LIMIT), bodyOf(BODY_LIMIT + 1)];
    const send = async (body: string): Promise<number> => {
      const headers = { "content-type": "application/json" };
      const answer = await fetch(`${gateway.url}/v1/chat/completions`, { method: "POST", headers, body });
      await answer.arrayBuffer();
      return answer.status;
    };
    const sendAll = async (): Promise<void> => {
      for (let count = 0; count < 10; count++) expect(await send(atLimit)).not.toBe(413);
      expect(await send(above)).toBe(413);
    };
    await sendAll();
    const { kept, most } = await growth(gateway, sendAll);
    print("bodies of 32 MiB, one after the other", { kept, most });
    expect(kept).toBeLessThan(50 * MB);
    expect(most).toBeLessThan(400 * MB);
  });

  test.skipIf(canMeasure && descriptorLimit() < CONNECTIONS + 1_000)(
    `after ${CONNECTIONS} connections that are idle (needs ulimit -n ${CONNECTIONS + 1_000})`,
    async () => {
      const { gateway } = await start({}, `frontendPolicies: { tcp: { maxConnections: ${CONNECTIONS} } }`);
      const crowd = async (): Promise<void> => {
        const { port } = new URL(gateway.url);
        const child = spawn(process.execPath, [join(import.meta.dirname, "crowd.ts"), port, String(CONNECTIONS)]);
        onTestFinished(() => void child.kill("SIGKILL"));
        const [line] = await once(createInterface(child.stdout), "line");
        expect(line).toBe("open");
        await openConnections(gateway, CONNECTIONS);
        child.kill("SIGKILL");
        await openConnections(gateway, 0);
      };
      for (let times = 0; times < WARM_UPS; times++) await crowd();
      const { kept, most } = await growth(gateway, crowd);
      print(`${CONNECTIONS} idle connections`, { kept, most });
      expect(kept).toBeLessThan(50 * MB);
      expect(most).toBeLessThan(500 * MB);
    },
  );

  test(`after ${VANISHING} clients that vanish in mid-stream, thrice`, async () => {
    const { gateway, provider } = await start({ events: 100_000, delayMs: 100 });
    const vanish = async (): Promise<void> => {
      const { port } = new URL(gateway.url);
      await Promise.all(Array.from({ length: VANISHING }, () => vanishInMidStream(Number(port))));
      await openConnections(gateway, 0);
      await vi.waitFor(() => expect(provider.connections.open).toBe(0), { timeout: 30_000, interval: 200 });
    };
    for (let times = 0; times < WARM_UPS; times++) await vanish();
    const { kept, most } = await growth(gateway, async () => {
      for (let times = 0; times < 3; times++) await vanish();
    });
    print(`${VANISHING} clients that vanish, thrice`, { kept, most });
    expect(kept).toBeLessThan(50 * MB);
    expect(most).toBeLessThan(300 * MB);
  });
});

async function vanishInMidStream(port: number): Promise<void> {
  const body = JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "hello" }] });
  const socket = connect({ port, host: "127.0.0.1" });
  const head = `POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n`;
  socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`);
  let received = "";
  while (!received.includes("data: ")) received += String((await once(socket, "data"))[0]);
  socket.resetAndDestroy();
}

async function openConnections(gateway: Keybearer, count: number): Promise<void> {
  const told = async (): Promise<void> => {
    const metrics = await (await fetch(`${gateway.urls.stats}/metrics`)).text();
    const [, open] = /^agentgateway_downstream_connections\{.*\} (\d+)$/m.exec(metrics) ?? [];
    expect(Number(open)).toBe(count);
  };
  await vi.waitFor(told, { timeout: 30_000, interval: 200 });
}

function print(what: string, { kept, most }: { readonly kept: number; readonly most: number }): void {
  console.log(`${what}: ${(kept / MB).toFixed(1)} MB more afterwards, ${(most / MB).toFixed(1)} MB more at most`);
}
