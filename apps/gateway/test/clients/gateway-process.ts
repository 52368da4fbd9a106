/** The gateway as its users run it: a process of its own, started on a config file, known by what its banner says. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { entry } from "../entry.ts";

/** Its own, so that two runs of the tests under two users do not meet. */
const compileCache = join(tmpdir(), `keybearer-compile-cache-${process.getuid?.() ?? 0}`);

/** What stands below `routes:`, as one writes it in YAML. */
export type RouteConfig = Readonly<Record<string, unknown>>;

export interface GatewayProcess {
  /** One for each route that was given, in their order: `http://localhost:40123`. */
  readonly urls: readonly string[];
  /** The line of the banner that one copies to try the gateway. */
  readonly example: string;
  /** Waits until the process has ended. Throws where it does not end well. */
  stop(): Promise<void>;
}

/**
 * Each route on a port of its own, so that a client needs no path and no host name to tell them apart. Many tests share
 * one process, which is why it outlives a test (`../keybearer.ts` starts one a test).
 */
export async function startGateway(...routes: readonly RouteConfig[]): Promise<GatewayProcess> {
  const folder = await mkdtemp(join(tmpdir(), "keybearer-clients-"));
  await writeFile(join(folder, "config.yaml"), JSON.stringify(configOf(routes)), { mode: 0o600 });
  // An environment of its own: an OPENAI_API_KEY of whoever runs the tests must not reach anything.
  const child = spawn(process.execPath, [...entry, "-f", "config.yaml"], {
    cwd: folder,
    env: { PATH: process.env["PATH"], HOME: folder, NODE_COMPILE_CACHE: compileCache },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ended = once(child, "close");
  let said = "";
  child.stderr.setEncoding("utf8");
  const announced = new Promise<void>((resolve) => {
    child.stderr.on("data", (text: string) => {
      said += text;
      if (exampleLine.test(said)) resolve();
    });
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const [code]: unknown[] = await ended;
    await rm(folder, { recursive: true, force: true });
    if (code !== 0) throw new Error(`the gateway ended with ${String(code)}:\n${said}`);
  };
  await Promise.race([announced, ended]);
  const example = exampleLine.exec(said)?.[1];
  if (example === undefined) {
    await stop();
    throw new Error(`the gateway ended before it served:\n${said}`);
  }
  return { urls: [...said.matchAll(/^listening\s+(\S+)$/gm)].map(([, url]) => url ?? ""), example, stop };
}

/** The last thing that the banner says. */
const exampleLine = /^try\n {2}(curl .*)\n/m;

function configOf(routes: readonly RouteConfig[]): object {
  return {
    config: { workerThreads: 1, adminAddr: "off", statsAddr: "off", readinessAddr: "off" },
    binds: routes.map((route) => ({ port: 0, listeners: [{ routes: [route] }] })),
  };
}
