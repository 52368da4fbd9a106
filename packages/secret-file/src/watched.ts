/** A key's file, read again whenever its content changes. */
import {
  after,
  bounded,
  KEY_LIMIT_BYTES,
  refreshingHandle,
  SecretError,
  type RefreshingHandle,
  type SecretHandle,
  type SecretVersion,
  type SourceContext,
} from "@keybearer/secrets";
import { watchFile, WatchError, type FileState, type FileWatch } from "@keybearer/watch";
import { decode, readBounded, tooLarge, type OpenFile } from "./read.ts";

const SETTLE_MS = 50;
// For a file system that does not answer.
const CHECK_LIMIT_MS = 10_000;

type RegularFile = Extract<OpenFile, { readonly kind: "regular" }>;

/** Closes `file`. Throws SecretError if it holds no key now. */
export async function openWatched(file: RegularFile, path: string, context: SourceContext): Promise<SecretHandle> {
  const bytes = await readAndClose(file, path);
  const watched = new WatchedKey(path, context);
  try {
    return await watched.open(isBeingWritten(file, context) ? undefined : bytes, file.modifiedAt);
  } catch (error) {
    watched.close();
    throw error;
  }
}

class WatchedKey {
  readonly #path: string;
  readonly #context: SourceContext;
  readonly #close = (): void => this.close();
  #watch: FileWatch | undefined;
  #handle: RefreshingHandle | undefined;
  #found: SecretVersion | SecretError | undefined;

  constructor(path: string, context: SourceContext) {
    this.#path = path;
    this.#context = context;
  }

  async open(known: Uint8Array | undefined, modifiedAt: number): Promise<SecretHandle> {
    const { clock, signal } = this.#context;
    signal.addEventListener("abort", this.#close, { once: true });
    if (known !== undefined) this.#found = this.#seal({ kind: "content", bytes: known, modifiedAt });
    this.#watch = watchFile(this.#path, {
      known,
      limitBytes: KEY_LIMIT_BYTES,
      settleMs: SETTLE_MS,
      clock: { after: (delayMs, callback) => after(clock, delayMs, callback) },
      onChange: (state) => this.#hear(state),
    });
    const first = known === undefined ? await this.#read() : this.#version();
    this.#handle = refreshingHandle({
      source: "file",
      context: this.#context,
      first,
      read: () => this.#read(),
      watched: true,
      close: this.#close,
    });
    return this.#handle;
  }

  close(): void {
    this.#context.signal.removeEventListener("abort", this.#close);
    this.#watch?.close();
  }

  #hear(state: FileState): void {
    const found = this.#seal(state);
    this.#found = found;
    if (SecretError.is(found)) this.#handle?.fail(found);
    else this.#handle?.put(found);
  }

  /** Looks at the file now, and takes no content that is still being written. */
  async #read(): Promise<SecretVersion> {
    const { clock, signal } = this.#context;
    const check = async (): Promise<void> => this.#watch?.check();
    await bounded({ source: "file", clock, limitMs: CHECK_LIMIT_MS, signal }, check);
    return this.#version();
  }

  #version(): SecretVersion {
    if (this.#found === undefined) throw new SecretError("SECRET_UNAVAILABLE", "file", "the file was not read");
    if (SecretError.is(this.#found)) throw this.#found;
    return this.#found;
  }

  #seal(state: FileState): SecretVersion | SecretError {
    if (state.kind === "missing") {
      return new SecretError("SECRET_NOT_FOUND", "file", "there is no such file", {
        found: `nothing at ${this.#path}`,
        fix: "put the key there",
      });
    }
    if (state.kind === "unreadable") return unreadable(state.error, this.#path);
    try {
      return this.#context.seal(decode(state.bytes), { writtenAt: state.modifiedAt });
    } catch (error) {
      return SecretError.from("file", error).at(this.#path);
    }
  }
}

function unreadable(error: Error, path: string): SecretError {
  if (!WatchError.is(error)) return SecretError.from("file", error);
  if (error.code === "WATCH_TOO_LARGE") return tooLarge().at(path);
  return new SecretError("SECRET_MALFORMED", "file", "this is no ordinary file any more", {
    found: path,
    fix: "put the file back: a key that came from a file is not read from a pipe",
  });
}

/** A moment ago somebody wrote it, and may still be at it: it has to stand still before it is read for the first time. */
function isBeingWritten({ modifiedAt }: RegularFile, { clock }: SourceContext): boolean {
  return Math.abs(clock.now() - modifiedAt) < SETTLE_MS;
}

async function readAndClose({ handle }: RegularFile, path: string): Promise<Uint8Array> {
  try {
    return await readBounded(handle);
  } catch (error) {
    throw SecretError.from("file", error).at(path);
  } finally {
    await handle.close();
  }
}
