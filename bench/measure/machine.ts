/** Where and with what it was measured: without it no figure means anything. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import type { CorePlan } from "./cores.ts";

export const repository = join(import.meta.dirname, "..", "..");

export function describeMachine(cores: CorePlan): string[] {
  const { subject, load, upstream, available } = cores;
  const pinning =
    subject === undefined ? "nothing pinned" : `subject on ${subject}, load on ${load}, upstream on ${upstream}`;
  const memory = (totalmem() / 2 ** 30).toFixed(1);
  return [
    `machine    ${cpus()[0]?.model.trim()}, ${available.length} cores (${pinning}), ${memory} GiB, Linux ${release()}`,
    `versions   node ${process.versions.node}, undici ${undiciVersion()}, nginx ${nginxVersion()}, keybearer ${commit()}`,
    `time       ${new Date().toISOString()}`,
  ];
}

function undiciVersion(): string {
  const require = createRequire(join(repository, "apps/gateway/package.json"));
  return JSON.parse(readFileSync(require.resolve("undici/package.json"), "utf8")).version;
}

function nginxVersion(): string {
  return /nginx\/(\S+)/.exec(spawnSync("nginx", ["-v"], { encoding: "utf8" }).stderr ?? "")?.[1] ?? "none";
}

function commit(): string {
  const git = (...words: string[]) => spawnSync("git", words, { cwd: repository, encoding: "utf8" }).stdout?.trim();
  const id = git("rev-parse", "--short", "HEAD");
  if (!id) return "of no commit";
  return git("status", "--porcelain", "--", "packages", "apps") ? `${id} with changes` : id;
}
