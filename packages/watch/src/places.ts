/** Which entries of which directories decide what a path means. */
import { lstat, readlink, stat } from "node:fs/promises";
import { dirname, join, parse, resolve, sep } from "node:path";
import { codeOf } from "./errors.ts";

/** One directory, without a link in its path. */
export interface Place {
  readonly directory: string;
  /** Another one once the directory was replaced by another of the same name. */
  readonly id: string;
  /** The entries that matter in it. */
  readonly names: ReadonlySet<string>;
}

const MOST_LINKS = 40;

/**
 * The directory of the file, that of each link on the way to it, and, where something on the way is missing, the directory
 * in which it would appear. Never rejects: of what cannot be looked at there is no place.
 */
export async function placesOf(path: string): Promise<readonly Place[]> {
  const names = new Map<string, Set<string>>();
  for (const [directory, name] of await entriesOf(path)) {
    const known = names.get(directory) ?? new Set();
    names.set(directory, known.add(name));
  }
  const places = await Promise.all([...names].map(([directory, entries]) => identify(directory, entries)));
  return places.filter((place) => place !== undefined);
}

async function entriesOf(path: string): Promise<readonly (readonly [directory: string, name: string])[]> {
  const absolute = resolve(path);
  const { root } = parse(absolute);
  const entries: (readonly [string, string])[] = [];
  let steps = split(absolute.slice(root.length));
  let current = root;
  let links = 0;
  for (let name = steps.shift(); name !== undefined; name = steps.shift()) {
    if (name === "..") {
      current = dirname(current);
      continue;
    }
    const entry = join(current, name);
    const found = await look(entry);
    if (found.kind === "directory" && steps.length > 0) {
      current = entry;
      continue;
    }
    entries.push(found.kind === "misplaced" ? [dirname(current), parse(current).base] : [current, name]);
    if (found.kind !== "link" || (links += 1) > MOST_LINKS) return entries;
    const target = parse(found.target);
    steps = [...split(found.target.slice(target.root.length)), ...steps];
    if (target.root !== "") current = target.root;
  }
  return entries;
}

type Found =
  | { readonly kind: "directory" | "other" | "missing" | "misplaced" }
  | { readonly kind: "link"; readonly target: string };

/** Misplaced: what should be a directory around it is none. */
async function look(entry: string): Promise<Found> {
  try {
    const stats = await lstat(entry);
    if (stats.isSymbolicLink()) return { kind: "link", target: await readlink(entry) };
    return { kind: stats.isDirectory() ? "directory" : "other" };
  } catch (error) {
    return { kind: codeOf(error) === "ENOTDIR" ? "misplaced" : "missing" };
  }
}

async function identify(directory: string, names: ReadonlySet<string>): Promise<Place | undefined> {
  try {
    const { dev, ino } = await stat(directory, { bigint: true });
    return { directory, id: `${dev}:${ino}`, names };
  } catch {
    return undefined;
  }
}

function split(path: string): string[] {
  return path.split(sep === "\\" ? /[\\/]/ : sep).filter((name) => name !== "" && name !== ".");
}
