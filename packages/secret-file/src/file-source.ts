/** `key: { file: key.txt }`: the key is what the file holds. */
import {
  bounded,
  refreshingHandle,
  SecretError,
  staticHandle,
  type SecretSource,
  type SecretVersion,
  type SourceContext,
} from "@keybearer/secrets";
import * as v from "valibot";
import { locate } from "./locate.ts";
import { noticesAbout } from "./permissions.ts";
import { readOnce } from "./pipe.ts";
import { decode, openFile, readBounded, type OpenFile } from "./read.ts";

export interface FileSourceOptions {
  /** How long to wait for somebody to write into a named pipe or /dev/stdin. 10 000 by default. */
  readonly pipeLimitMs?: number;
}

/** `fileSource` with a limit of your own. */
export function createFileSource(options: FileSourceOptions = {}): SecretSource<string> {
  const { pipeLimitMs = 10_000 } = options;
  return {
    name: "file",
    schema: v.pipe(
      v.string("expected the path of a file, such as key.txt"),
      v.nonEmpty("expected the path of a file, such as key.txt"),
    ),
    async open(ref, context) {
      const path = await locate(ref, context.baseDirectories);
      const file = await openFile(path);
      if (file.kind !== "regular") {
        return staticHandle(await readOnceVersion(file, path, context, pipeLimitMs));
      }
      const first = await readVersion(file, path, context);
      for (const notice of await noticesAbout(path, file.mode)) context.warn(notice);
      const read = async () => readVersion(await openFile(path), path, context);
      return refreshingHandle({ source: "file", context, first, read });
    },
  };
}

/**
 * A path, looked up in `context.baseDirectories` in order; the first place where something stands is chosen once and kept.
 * UTF-8, at most 64 KiB, the white space around the key left out. `refresh()` reads the file again; a named pipe or
 * /dev/stdin is read once. Opening throws SecretError: SECRET_NOT_FOUND, SECRET_DENIED, SECRET_EMPTY, SECRET_MALFORMED,
 * SECRET_UNAVAILABLE. Warns with SECRET_FILE_WRITABLE and SECRET_FILE_READABLE.
 */
export const fileSource: SecretSource<string> = createFileSource();

async function readVersion(file: OpenFile, path: string, context: SourceContext): Promise<SecretVersion> {
  try {
    if (file.kind === "regular") return context.seal(decode(await readBounded(file.handle)));
    throw new SecretError("SECRET_MALFORMED", "file", "this is no ordinary file any more", {
      fix: "put the file back: a key that came from a file is not read from a pipe",
    });
  } catch (error) {
    throw SecretError.from("file", error).at(path);
  } finally {
    await file.handle?.close();
  }
}

/** Whoever writes there writes once, so there is nothing to refresh: asking again would wait for what never comes. */
async function readOnceVersion(
  file: OpenFile,
  path: string,
  context: SourceContext,
  limitMs: number,
): Promise<SecretVersion> {
  const { clock, signal } = context;
  try {
    const bytes = await bounded({ source: "file", clock, limitMs, signal }, (inner) => readOnce(file, clock, inner));
    return context.seal(decode(bytes));
  } catch (error) {
    throw SecretError.from("file", error).at(path);
  } finally {
    await file.handle?.close();
  }
}
