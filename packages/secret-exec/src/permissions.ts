/** Who, apart from its owner, may decide what the program is that gives us a key. */
import { realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Notice } from "@keybearer/secrets";

const GROUP_OR_OTHERS_WRITE = 0o022;
/** In a sticky directory, such as /tmp, nobody replaces what belongs to another. */
const STICKY = 0o1000;

/** About the program that a link leads to, its directory, and the link's directory. None on Windows: modes are made up. */
export async function noticesAbout(path: string): Promise<readonly Notice[]> {
  if (process.platform === "win32") return [];
  // A program that is not there is no matter of permissions: running it tells.
  const real = await realpath(path).catch(() => undefined);
  if (real === undefined) return [];
  const directories = new Set([dirname(real), dirname(path)]);
  const places = [real, ...directories];
  const open = await Promise.all(places.map(isOpen));
  return places.filter((_, index) => open[index]).map(notice);
}

async function isOpen(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || (found.mode & GROUP_OR_OTHERS_WRITE) === 0) return false;
  return !(found.isDirectory() && (found.mode & STICKY) !== 0);
}

function notice(path: string): Notice {
  return {
    code: "SECRET_EXEC_WRITABLE",
    message: `users other than the owner may write ${path}, and so choose what is run for a key`,
    fix: `chmod go-w ${path}`,
  };
}
