/** The variables that a config may name: env files, the last of them winning, and the process environment over all. */
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { InterpolateError, parseEnvFile } from "@keybearer/interpolate";
import type { Env } from "@keybearer/secrets";
import { watchFile, type FileState, type FileWatch } from "@keybearer/watch";
import { GatewayError, inWords } from "./errors.ts";

/** Variables that may change. */
export interface Environment extends Env {
  subscribe(listener: () => void): () => void;
  /** Looks at the files now. Rejects with GatewayError while one of them cannot be used: what it said before stays. */
  refresh(): Promise<void>;
  /** Until it is closed, changes are noticed. */
  watch(): { close(): void };
}

type Variables = ReadonlyMap<string, string>;

/** Throws GatewayError ENV_FILE_UNREADABLE or ENV_FILE_SYNTAX. */
export async function readEnvironment(
  envFiles: readonly string[],
  workingDirectory: string,
  processEnv: Readonly<Record<string, string | undefined>>,
): Promise<Environment> {
  const files: EnvFile[] = [];
  for (const name of envFiles) files.push(await EnvFile.read(name, resolve(workingDirectory, name)));
  const listeners = new Set<() => void>();
  const changed = (): void => listeners.forEach((listener) => listener());
  return {
    get: (name) => processEnv[name] ?? files.findLast(({ variables }) => variables.has(name))?.variables.get(name),
    subscribe(listener) {
      const entry = (): void => listener();
      listeners.add(entry);
      return () => listeners.delete(entry);
    },
    async refresh() {
      await Promise.all(files.map((file) => file.check()));
      const error = files.find(({ failure }) => failure)?.failure;
      if (error) throw error;
    },
    watch() {
      for (const file of files) file.watch(changed);
      return { close: () => files.forEach((file) => file.close()) };
    },
  };
}

class EnvFile {
  readonly #name: string;
  readonly #path: string;
  /** A pipe has nothing more to say. */
  readonly #isRegular: boolean;
  readonly #bytes: Uint8Array;
  #watch: FileWatch | undefined;
  /** As last understood. */
  variables: Variables;
  /** Why what it holds now cannot be used. */
  failure: GatewayError | undefined;

  static async read(name: string, path: string): Promise<EnvFile> {
    try {
      const isRegular = (await stat(path)).isFile();
      return new EnvFile(name, path, isRegular, await readFile(path));
    } catch (cause) {
      throw GatewayError.is(cause) ? cause : unreadable(name, cause);
    }
  }

  private constructor(name: string, path: string, isRegular: boolean, bytes: Uint8Array) {
    this.#name = name;
    this.#path = path;
    this.#isRegular = isRegular;
    this.#bytes = bytes;
    this.variables = parse(name, bytes);
  }

  watch(changed: () => void): void {
    const onChange = (state: FileState): void => {
      this.#take(state);
      changed();
    };
    if (this.#isRegular) this.#watch ??= watchFile(this.#path, { known: this.#bytes, onChange });
  }

  async check(): Promise<void> {
    await this.#watch?.check();
  }

  close(): void {
    this.#watch?.close();
  }

  #take(state: FileState): void {
    this.failure = undefined;
    if (state.kind !== "content") {
      this.failure = unreadable(this.#name, state.kind === "missing" ? "no such file" : state.error);
      return;
    }
    try {
      this.variables = parse(this.#name, state.bytes);
    } catch (error) {
      if (!GatewayError.is(error)) throw error;
      this.failure = error;
    }
  }
}

function unreadable(name: string, cause: unknown): GatewayError {
  const reason = typeof cause === "string" ? cause : inWords(cause);
  return new GatewayError("ENV_FILE_UNREADABLE", `cannot read the env file ${name}: ${reason}`, { cause });
}

function parse(name: string, bytes: Uint8Array): Variables {
  try {
    return parseEnvFile(Buffer.from(bytes).toString("utf8"));
  } catch (error) {
    if (!InterpolateError.is(error)) throw error;
    throw new GatewayError("ENV_FILE_SYNTAX", `${name}:${error.line ?? 1}: ${error.message}`, { cause: error });
  }
}
