/** Whether git keeps a file, read from the index itself: no program is run for it (gitformat-index(5), versions 2 to 4). */
import { readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";

/** True for a file that is committed, or about to be. What cannot be read is not known to be. */
export async function isInGitIndex(path: string): Promise<boolean> {
  // The file's name and what it leads to: a link is kept as a link, and its target may be kept elsewhere.
  const named = join(await realpath(dirname(path)).catch(() => dirname(path)), basename(path));
  const real = await realpath(path).catch(() => named);
  for (const each of new Set([named, real])) if (await isKept(each)) return true;
  return false;
}

async function isKept(path: string): Promise<boolean> {
  const repository = await findRepository(dirname(path));
  if (repository === undefined) return false;
  const name = relative(repository.root, path).split(sep).join("/");
  try {
    const index = await readFile(join(repository.gitDirectory, "index"));
    return namesIn(index, await idBytes(repository.gitDirectory)).has(name);
  } catch {
    return false;
  }
}

interface Repository {
  readonly root: string;
  readonly gitDirectory: string;
}

/** The nearest `.git` upwards: a directory, or a file that says where it is (a worktree, a submodule). */
async function findRepository(from: string): Promise<Repository | undefined> {
  for (let root = from; ; root = dirname(root)) {
    const git = join(root, ".git");
    const found = await stat(git).catch(() => undefined);
    if (found?.isDirectory()) return { root, gitDirectory: git };
    if (found?.isFile()) {
      const [, target] = /^gitdir: (.+?)\s*$/.exec(await readFile(git, "utf8").catch(() => "")) ?? [];
      if (target !== undefined) return { root, gitDirectory: resolve(root, target) };
    }
    if (root === dirname(root)) return undefined;
  }
}

const SHA1_BYTES = 20;
const SHA256_BYTES = 32;

/** Worktrees keep the repository's settings in the directory that `commondir` names. */
async function idBytes(gitDirectory: string): Promise<number> {
  const common = await readFile(join(gitDirectory, "commondir"), "utf8").catch(() => ".");
  const settings = await readFile(join(gitDirectory, common.trim(), "config"), "utf8").catch(() => "");
  return /^\s*objectformat\s*=\s*sha256\s*$/im.test(settings) ? SHA256_BYTES : SHA1_BYTES;
}

const HEADER_BYTES = 12;
/** Times, device, inode, mode, owner and size of the file. */
const STAT_BYTES = 40;
const EXTENDED = 0x4000;

/** Throws RangeError for what is no index. */
export function namesIn(index: Buffer, idBytes: number): ReadonlySet<string> {
  const version = index.readUInt32BE(4);
  if (index.toString("latin1", 0, 4) !== "DIRC" || version < 2 || version > 4) throw new RangeError("no git index");
  const names = new Set<string>();
  let at = HEADER_BYTES;
  let before: Buffer = Buffer.alloc(0);
  for (let left = index.readUInt32BE(8); left > 0; left -= 1) {
    const flagsAt = at + STAT_BYTES + idBytes;
    const nameAt = flagsAt + ((index.readUInt16BE(flagsAt) & EXTENDED) === 0 ? 2 : 4);
    const { name, end } = version === 4 ? nameAfter(index, nameAt, before) : nameUntilNul(index, nameAt);
    names.add(name.toString("utf8"));
    before = name;
    // Up to version 3 an entry ends with one to eight NULs, so that its length is a multiple of eight.
    at = version === 4 ? end : at + (Math.floor((end - 1 - at) / 8) + 1) * 8;
  }
  return names;
}

/** `end`: behind the NUL. */
function nameUntilNul(index: Buffer, start: number): { readonly name: Buffer; readonly end: number } {
  const nul = index.indexOf(0, start);
  if (nul === -1) throw new RangeError("no git index");
  return { name: index.subarray(start, nul), end: nul + 1 };
}

/** Version 4: how much of the name before is cut off, in seven bits a byte as pack files count offsets, then what follows. */
function nameAfter(index: Buffer, start: number, before: Buffer): { readonly name: Buffer; readonly end: number } {
  let at = start;
  let byte = index.readUInt8(at++);
  let cut = byte & 0x7f;
  while ((byte & 0x80) !== 0) {
    byte = index.readUInt8(at++);
    cut = (cut + 1) * 128 + (byte & 0x7f);
  }
  const { name, end } = nameUntilNul(index, at);
  return { name: Buffer.concat([before.subarray(0, Math.max(0, before.length - cut)), name]), end };
}
