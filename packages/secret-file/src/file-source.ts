/** `key: { file: key.txt }`: the key is what the file holds, noticed when it changes. */
import {
  bounded,
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
import { decode, openFile, type OpenFile } from "./read.ts";
import { openWatched } from "./watched.ts";

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
      const handle = await openWatched(file, path, context);
      for (const notice of await noticesAbout(path, file.mode)) context.warn(notice);
      return handle;
    },
  };
}

/**
 * A path, looked up in `context.baseDirectories` in order; the first place where something stands is chosen once and kept.
 * UTF-8, at most 64 KiB, the white space around the key left out. Another content becomes the next version without being
 * asked for; a named pipe or /dev/stdin is read once. Opening throws SecretError: SECRET_NOT_FOUND, SECRET_DENIED,
 * SECRET_EMPTY, SECRET_MALFORMED, SECRET_UNAVAILABLE. Warns with SECRET_FILE_WRITABLE and SECRET_FILE_READABLE.
 */
export const fileSource: SecretSource<string> = createFileSource();

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
