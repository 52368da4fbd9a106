/** Decides which file a path means. */
import { lstat } from "node:fs/promises";
import { resolve } from "node:path";
import { SecretError } from "@keybearer/secrets";

/**
 * The first place where something stands, readable or not: to pass over a file that cannot be read, or a link to nowhere,
 * would serve another key than the one that was meant. Throws SecretError SECRET_NOT_FOUND, which names all places.
 */
export async function locate(ref: string, directories: readonly string[]): Promise<string> {
  const candidates = [...new Set(directories.map((directory) => resolve(directory, ref)))];
  for (const candidate of candidates) {
    if (await stands(candidate)) return candidate;
  }
  throw new SecretError("SECRET_NOT_FOUND", "file", "there is no such file", {
    found: `nothing at ${candidates.join(" or ")}`,
    fix: "put the key there; a path that is not absolute is looked up beside the config file, then in the working directory",
  });
}

async function stands(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    const refused = SecretError.from("file", error);
    if (refused.code === "SECRET_NOT_FOUND") return false;
    throw refused;
  }
}
