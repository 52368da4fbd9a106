/** Files that a command writes for its user: all of them or none, and never over what is there. */
import { rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { GatewayError, inWords, systemCode } from "../errors.ts";

export interface NewFile {
  /** As messages name it; relative to the working directory. */
  readonly path: string;
  readonly text: string;
  /** Permissions. Readable by all by default, as far as the user's umask has it. */
  readonly mode?: number;
}

/** Throws GatewayError FILE_EXISTS or FILE_UNWRITABLE. */
export async function writeNewFiles(files: readonly NewFile[], workingDirectory: string): Promise<void> {
  const written: string[] = [];
  for (const { path, text, mode = 0o666 } of files) {
    const whole = resolve(workingDirectory, path);
    try {
      await writeFile(whole, text, { flag: "wx", mode });
      written.push(whole);
    } catch (cause) {
      await Promise.all(written.map((file) => rm(file, { force: true })));
      if (systemCode(cause) === "EEXIST") {
        throw new GatewayError("FILE_EXISTS", `${path} exists already, and is left as it is`, { cause });
      }
      throw new GatewayError("FILE_UNWRITABLE", `cannot write ${path}: ${inWords(cause)}`, { cause });
    }
  }
}
