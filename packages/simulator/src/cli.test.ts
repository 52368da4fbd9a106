import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { runCommand } from "./cli.ts";
import type { Simulator } from "./index.ts";

const launcher = fileURLToPath(new URL("../bin/keybearer-simulator.mjs", import.meta.url));
let child: ChildProcess | undefined;
let simulator: Simulator | undefined;

afterEach(async () => {
  child?.kill("SIGKILL");
  await simulator?.close();
});

async function run(...argv: string[]) {
  let out = "";
  let error = "";
  const result = await runCommand(argv, { out: (text) => (out += text), error: (text) => (error += text) });
  if ("simulator" in result) simulator = result.simulator;
  return { result, out, error };
}

test("the launcher says where it listens, answers, and ends on SIGTERM with exit code 0", async () => {
  child = spawn(process.execPath, ["--conditions=@keybearer/source", launcher, "--port", "0", "--key", "k"]);
  const [line] = await once(child.stdout!, "data");
  const origin = /http:\/\/127\.0\.0\.1:\d+/.exec(String(line))?.[0];
  expect((await fetch(`${origin}/v1/models?key=k`)).status).toBe(200);
  expect((await fetch(`${origin}/v1/models?key=other`)).status).toBe(401);
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("a port in use is one clear line and exit code 1", async () => {
  const { result } = await run("--port", "0");
  const port = "simulator" in result ? result.simulator.port : 0;
  const second = await run("--port", String(port));
  expect(second.result).toEqual({ exitCode: 1 });
  expect(second.error).toMatch(/^keybearer-simulator: cannot listen on 127\.0\.0\.1:\d+: .*EADDRINUSE.*\n$/);
});

test.each([["--wat"], ["--port", "http"], ["--port", "65536"], ["--delay-ms", "1.5"], ["stray"]])(
  "%j is answered with the usage and exit code 2",
  async (...argv) => {
    const { result, error } = await run(...argv);
    expect(result).toEqual({ exitCode: 2 });
    expect(error).toContain("usage: keybearer-simulator");
  },
);

test("help is printed on request", async () => {
  const { result, out } = await run("--help");
  expect([result, out.startsWith("usage:")]).toEqual([{ exitCode: 0 }, true]);
});

test("flags set the answer", async () => {
  const flags = [
    "--port",
    "0",
    "--delay-ms",
    "0",
    "--events",
    "2",
    "--text",
    "a b c",
    "--latency-ms",
    "1",
    "--model",
    "m",
  ];
  await run(...flags, "--tokens-per-second", "1000", "--anonymous");
  const ask = (model: string) =>
    fetch(`${simulator?.origin}/v1/completions`, { method: "POST", body: JSON.stringify({ model, prompt: "x" }) });
  expect(await text((await ask("m")).body!)).toContain('"text":"a b"');
  expect((await ask("other")).status).toBe(404);
});
