/** What a key file's mode lets others do, where that is its owner's choice. */
import { realpath } from "node:fs/promises";
import type { Notice } from "@keybearer/secrets";

const GROUP_OR_OTHERS_WRITE = 0o022;
const OTHERS_READ = 0o004;

/** None on Windows, where the mode is made up. */
export async function noticesAbout(path: string, mode: number): Promise<readonly Notice[]> {
  if (process.platform === "win32") return [];
  const fix = `chmod 600 ${path}`;
  const notices: Notice[] = [];
  if ((mode & GROUP_OR_OTHERS_WRITE) !== 0) {
    notices.push({
      code: "SECRET_FILE_WRITABLE",
      message: `users other than the owner may write ${path}, and so choose the key`,
      fix,
    });
  }
  // The file was there a moment ago; if it is gone by now, its name still tells where it stood.
  const real = await realpath(path).catch(() => path);
  if ((mode & OTHERS_READ) !== 0 && !isMounted(path, real)) {
    notices.push({ code: "SECRET_FILE_READABLE", message: `every user of this machine may read ${path}`, fix });
  }
  return notices;
}

/**
 * Docker, Swarm and Kubernetes mount secrets world-readable into a container that has one user, and there chmod does not
 * work: below /run/secrets, or where a ..data link leads into a directory such as ..2026_11_24_10_11_12.123456789.
 */
function isMounted(path: string, real: string): boolean {
  return [path, real].some((name) => /^(?:\/var)?\/run\/secrets\//.test(name) || /\/\.\.\d{4}_[^/]*\//.test(name));
}
