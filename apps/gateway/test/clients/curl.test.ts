import { spawn, spawnSync, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startGateway, type GatewayProcess } from "./gateway-process.ts";
import {
  keyedRoute,
  passthroughRoute,
  PROVIDER_KEY,
  providers,
  startSimulatedProvider,
  strictRoute,
  type SimulatedProvider,
} from "./providers.ts";

const hasCurl = spawnSync("curl", ["--version"]).error === undefined;

interface Ended {
  readonly code: unknown;
  readonly out: string;
}

function shell(line: string, env: Readonly<Record<string, string>> = {}): ChildProcessByStdio<null, Readable, null> {
  const child = spawn("sh", ["-c", line], {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "pipe", "ignore"],
  });
  child.stdout.setEncoding("utf8");
  return child;
}

async function run(line: string, env?: Readonly<Record<string, string>>): Promise<Ended> {
  const child = shell(line, env);
  let out = "";
  child.stdout.on("data", (text: string) => (out += text));
  const [code]: unknown[] = await once(child, "close");
  return { code, out };
}

/** The line as one changes it to see the answer grow. */
const streaming = (line: string): string => line.replace("-d '{", `-N -d '{"stream":true,`);

describe.skipIf(!hasCurl)("curl (skipped where there is none)", () => {
  describe.each(providers)("with $name", ({ start }) => {
    test("the line that the banner prints answers, and with stream: true in pieces", async () => {
      const provider = await start();
      onTestFinished(() => provider.close());
      const gateway = await startGateway(keyedRoute(provider.host));
      onTestFinished(() => gateway.stop());
      const whole = await run(gateway.example);
      expect(whole.code).toBe(0);
      expect(JSON.parse(whole.out)).toMatchObject({ choices: [{ message: { content: "You said: Say hello." } }] });

      const pieces = await run(streaming(gateway.example));
      expect(pieces.code).toBe(0);
      expect(pieces.out).toMatch(/^data: \{/);
      expect(pieces.out).toMatch(/\n\ndata: \[DONE\]\n\n$/);
      expect(pieces.out.split("\n\n").length).toBeGreaterThan(4);
    });
  });

  describe("with the simulator", () => {
    const CALLER_KEY = "sk-callers-own-0123456789";
    let provider: SimulatedProvider;
    let gateway: GatewayProcess;

    beforeAll(async () => {
      provider = await startSimulatedProvider();
      provider.simulator.addKey(CALLER_KEY);
      // The first is what the banner's line is for.
      gateway = await startGateway(passthroughRoute(provider.host), keyedRoute(provider.host));
    });
    afterEach(() => provider.simulator.clear());
    afterAll(async () => {
      await gateway?.stop();
      await provider?.close();
    });

    test("each event arrives when the provider sends it, not when the answer is complete", async () => {
      provider.simulator.fault({ kind: "stall-after-events", afterEvents: 3 });
      const url = `${gateway.urls[1]}/v1/chat/completions`;
      const body = JSON.stringify({
        model: "gpt-4o-mini",
        stream: true,
        messages: [{ role: "user", content: "hello" }],
      });
      // exec, so that the one to be ended is curl and not the shell around it.
      const child = shell(`exec curl -sN ${url} -H 'content-type: application/json' -d '${body}'`);
      let out = "";
      for await (const text of child.stdout) {
        out += String(text);
        if (out.split("\n\n").length > 3) break;
      }
      expect(out).toContain('"content":" said:"');
      child.kill();
      expect(await provider.simulator.waitForAbort()).toMatchObject({ eventsSent: 3, answered: false });
    });

    test("passthrough: the banner's line takes the key from the environment to the provider", async () => {
      expect(gateway.example).toContain('-H "authorization: Bearer $OPENAI_API_KEY"');
      const { out } = await run(gateway.example, { OPENAI_API_KEY: CALLER_KEY });
      expect(JSON.parse(out)).toMatchObject({ choices: [{ message: { content: "You said: Say hello." } }] });
      expect(provider.simulator.keysSeen).toEqual([CALLER_KEY]);
    });

    test("passthrough: a POST to / with a key of one's own is a chat completion", async () => {
      const body = '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}';
      const headers = `-H 'Content-Type: application/json' -H "Authorization: Bearer ${CALLER_KEY}"`;
      const { out } = await run(`curl ${gateway.urls[0]} ${headers} -d '${body}'`);
      expect(JSON.parse(out)).toMatchObject({ choices: [{ message: { content: "You said: hello" } }] });
      expect(provider.simulator.requests[0]).toMatchObject({ path: "/v1/chat/completions", key: CALLER_KEY });
    });

    test("passthrough: without a key, 401 in OpenAI's shape and no call of the provider", async () => {
      const { out } = await run(`curl -i ${gateway.urls[0]}/v1/models`);
      expect(out).toMatch(/^HTTP\/1\.1 401 /);
      expect(out).toMatch(/^www-authenticate: Bearer/im);
      expect(JSON.parse(out.slice(out.indexOf("\r\n\r\n")))).toMatchObject({ error: { code: "caller_token_missing" } });
      expect(provider.simulator.requests).toEqual([]);
    });

    test("client keys: the banner's line works once it has a key in place of the words that say so", async () => {
      const guarded = await startGateway(strictRoute(provider.host, "kb-alice-0123456789abcdef"));
      onTestFinished(() => guarded.stop());
      const { out } = await run(guarded.example.replace("<a client key>", "kb-alice-0123456789abcdef"));
      expect(JSON.parse(out)).toMatchObject({ choices: [{ message: { content: "You said: Say hello." } }] });
      expect(provider.simulator.keysSeen).toEqual([PROVIDER_KEY]);
    });

    test("a file that is uploaded from disk arrives", async () => {
      const form = `-F purpose=user_data -F 'file=@${import.meta.filename}'`;
      const { out } = await run(`curl ${gateway.urls[1]}/v1/files ${form}`);
      expect(JSON.parse(out)).toMatchObject({ object: "file", filename: "curl.test.ts" });
      expect(provider.simulator.keysSeen).toEqual([PROVIDER_KEY]);
    });
  });
});
