import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { isInGitIndex, namesIn } from "./git-index.ts";

const hasGit = spawnSync("git", ["--version"]).status === 0;

function repository(...flags: readonly string[]) {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "keybearer-git-")));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const git = (...args: readonly string[]): void => {
    const env = { PATH: process.env["PATH"], HOME: directory, GIT_CONFIG_NOSYSTEM: "1" };
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.com", ...args], { cwd: directory, env });
  };
  const write = (name: string): string => {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${name}\n`);
    return path;
  };
  git("init", "-q", ...flags);
  return { directory, git, write };
}

const names = [
  "a",
  "keys/one.txt",
  "keys/one.txt.old",
  "keys/two words.txt",
  "keys/ü.txt",
  `long/${"x".repeat(200)}`,
  "z",
];

describe.skipIf(!hasGit)("a file is known to be kept by git", () => {
  test.each([
    ["version 2", [], "2"],
    ["version 4, whose names are shortened", [], "4"],
    ["ids of SHA-256", ["--object-format=sha256"], "2"],
    ["ids of SHA-256 in version 4", ["--object-format=sha256"], "4"],
  ])("in an index of %s", async (_, flags, version) => {
    const { git, write } = repository(...flags);
    const kept = names.map(write);
    const untracked = write("keys/untracked.txt");
    git("add", ...kept);
    git("update-index", `--index-version=${version}`);
    for (const path of kept) expect(await isInGitIndex(path), path).toBe(true);
    expect(await isInGitIndex(untracked)).toBe(false);
  });

  test("in an index of version 3, with flags that need more room", async () => {
    const { git, write } = repository();
    const [intended, added] = [write("keys/intended.txt"), write("keys/z.txt")];
    git("add", "--intent-to-add", intended);
    git("add", added);
    expect(await isInGitIndex(intended)).toBe(true);
    expect(await isInGitIndex(added)).toBe(true);
  });

  test("in a worktree of another repository", async () => {
    const { directory, git, write } = repository();
    write("keys/one.txt");
    git("add", ".");
    git("commit", "-qm", "keys");
    git("worktree", "add", "-q", join(directory, "beside"));
    expect(await isInGitIndex(join(directory, "beside/keys/one.txt"))).toBe(true);
    expect(await isInGitIndex(join(directory, "beside/keys/two.txt"))).toBe(false);
  });

  test("behind a link, and as a link", async () => {
    const { directory, git, write } = repository();
    const kept = write("keys/one.txt");
    git("add", kept);
    const outside = realpathSync(mkdtempSync(join(tmpdir(), "keybearer-link-")));
    onTestFinished(() => rmSync(outside, { recursive: true, force: true }));
    symlinkSync(kept, join(outside, "link.txt"));
    expect(await isInGitIndex(join(outside, "link.txt"))).toBe(true);
    writeFileSync(join(outside, "real.txt"), "");
    symlinkSync(join(outside, "real.txt"), join(directory, "link.txt"));
    git("add", "link.txt");
    expect(await isInGitIndex(join(directory, "link.txt"))).toBe(true);
    expect(await isInGitIndex(join(outside, "real.txt"))).toBe(false);
  });

  test("no more once it is taken out of the index, nor before anything was added", async () => {
    const { git, write } = repository();
    const path = write("key.txt");
    expect(await isInGitIndex(path)).toBe(false);
    git("add", path);
    git("rm", "-q", "--cached", path);
    expect(await isInGitIndex(path)).toBe(false);
  });
});

test("what is no index, or one that breaks off, says nothing", async () => {
  expect(() => namesIn(Buffer.from("no index at all"), 20)).toThrow(RangeError);
  expect(() => namesIn(Buffer.from("DIRC\0\0\0\x02\0\0\0\x09"), 20)).toThrow(RangeError);
  const directory = mkdtempSync(join(tmpdir(), "keybearer-git-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(join(directory, ".git"));
  writeFileSync(join(directory, ".git/index"), "DIRC\0\0\0\x02\0\0\0\x09");
  writeFileSync(join(directory, "key.txt"), "");
  expect(await isInGitIndex(join(directory, "key.txt"))).toBe(false);
});
