/** The ways in which operators write a new key over an old one. */
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { replaceFile, swapLink } from "../reloading.ts";

export interface WriteStyle {
  readonly title: string;
  /** How soon a key that is written so must be in use. */
  readonly boundMs: number;
  /** `path` is where the gateway looks. */
  in(directory: string): { readonly path: string; readonly write: (key: string) => void };
}

const REPLACED_MS = 100;
/** 50 ms in which nobody writes on, and as long again to be noticed and sent. */
const IN_PLACE_MS = 100;

export const replacedByRename: WriteStyle = {
  title: "written beside and renamed",
  boundMs: REPLACED_MS,
  in: (directory) => ({
    path: join(directory, "key.txt"),
    write: (key) => replaceFile(directory, "key.txt", `${key}\n`),
  }),
};

export const writeStyles: readonly WriteStyle[] = [
  replacedByRename,
  {
    title: "written in place",
    boundMs: IN_PLACE_MS,
    in: (directory) => ({
      path: join(directory, "key.txt"),
      write: (key) => writeKey(join(directory, "key.txt"), key),
    }),
  },
  {
    title: "deleted and created",
    boundMs: REPLACED_MS,
    in: (directory) => ({
      path: join(directory, "key.txt"),
      write(key) {
        rmSync(join(directory, "key.txt"), { force: true });
        writeKey(join(directory, "key.txt"), key);
      },
    }),
  },
  { title: "swapped by a link", boundMs: REPLACED_MS, in: mounted },
];

/** As the kubelet does it: `key.txt` leads over `..data` into a directory of its own for each version. */
function mounted(directory: string): ReturnType<WriteStyle["in"]> {
  let turn = 0;
  return {
    path: join(directory, "key.txt"),
    write(key) {
      const version = `..v${++turn}`;
      mkdirSync(join(directory, version));
      writeKey(join(directory, version, "key.txt"), key);
      swapLink(directory, "..data", version);
      if (turn === 1) symlinkSync(join("..data", "key.txt"), join(directory, "key.txt"));
      else rmSync(join(directory, `..v${turn - 1}`), { recursive: true });
    },
  };
}

function writeKey(path: string, key: string): void {
  writeFileSync(path, `${key}\n`, { mode: 0o600 });
}
