/** 1,000 rotations under load: a provider refuses the old key the instant the new one is written, and no client sees an error. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startSimulator, type Simulator } from "@keybearer/simulator";
import { expect, onTestFinished, test } from "vitest";
import { ask, oneRoute } from "../configs.ts";
import { startKeybearer } from "../keybearer.ts";

const ROTATIONS = Number(process.env["KEYBEARER_SOAK_ROTATIONS"] ?? 250);
const CLIENTS = 2;

/** Each writes a key into a folder in a way of its own; `path` is where the gateway looks. */
const styles: Readonly<Record<string, (folder: string) => { path: string; write: (key: string) => void }>> = {
  "written beside and renamed": (folder) => ({
    path: join(folder, "key.txt"),
    write(key) {
      writeFileSync(join(folder, "next"), `${key}\n`, { mode: 0o600 });
      renameSync(join(folder, "next"), join(folder, "key.txt"));
    },
  }),
  "written in place": (folder) => ({
    path: join(folder, "key.txt"),
    write: (key) => writeFileSync(join(folder, "key.txt"), `${key}\n`, { mode: 0o600 }),
  }),
  "deleted and created": (folder) => ({
    path: join(folder, "key.txt"),
    write(key) {
      rmSync(join(folder, "key.txt"), { force: true });
      writeFileSync(join(folder, "key.txt"), `${key}\n`, { mode: 0o600 });
    },
  }),
  "swapped by a link, as Kubernetes does": (folder) => {
    let turn = 0;
    return {
      path: join(folder, "key.txt"),
      write(key) {
        const version = `..v${++turn}`;
        mkdirSync(join(folder, version));
        writeFileSync(join(folder, version, "key.txt"), `${key}\n`, { mode: 0o600 });
        symlinkSync(version, join(folder, "..next"));
        renameSync(join(folder, "..next"), join(folder, "..data"));
        if (turn === 1) symlinkSync(join("..data", "key.txt"), join(folder, "key.txt"));
        else rmSync(join(folder, `..v${turn - 1}`), { recursive: true });
      },
    };
  },
};

test.each(Object.entries(styles))(
  `${ROTATIONS} rotations of a key file that is %s: no client error`,
  { timeout: 600_000 },
  async (_, make) => {
    const folder = mkdtempSync(join(tmpdir(), "keybearer-soak-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const { path, write } = make(folder);
    const provider = await startSimulator({ keys: ["sk-rotation-0"], recordLimit: 200 });
    write("sk-rotation-0");
    const config = oneRoute({ upstream: provider.host, auth: `{ key: { file: ${path} } }` });
    const gateway = await startKeybearer({ config, env: { WORKER_THREADS: "2", RUST_LOG: "error" } });
    const traffic = startTraffic(gateway.url);
    const waits: number[] = [];
    for (let rotation = 1; rotation <= ROTATIONS; rotation++)
      waits.push(await rotate(provider, write, `sk-rotation-${rotation}`));
    const statuses = await traffic.stop();
    await gateway.stop();
    await provider.close();
    waits.sort((a, b) => a - b);
    const at = (share: number): string => `${(waits[Math.floor(share * (waits.length - 1))] ?? 0).toFixed(1)} ms`;
    console.log(`in use after: median ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)}; ${statuses.length} requests`);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  },
);

/** Milliseconds until the provider has seen the new key. */
async function rotate(provider: Simulator, write: (key: string) => void, key: string): Promise<number> {
  const seen = provider.waitForRequest((request) => request.key === key);
  const began = performance.now();
  write(key);
  provider.setKeys([key]);
  await seen;
  return performance.now() - began;
}

function startTraffic(url: string): { stop(): Promise<readonly number[]> } {
  const over = new AbortController();
  const statuses: number[] = [];
  const clients = Array.from({ length: CLIENTS }, async () => {
    while (!over.signal.aborted) statuses.push((await ask(url)).status);
  });
  return {
    async stop() {
      over.abort();
      await Promise.all(clients);
      return statuses;
    },
  };
}
