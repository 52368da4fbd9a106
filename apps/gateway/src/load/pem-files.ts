/** A certificate with its key and who is trusted beside it, in files that are followed: the last that fit together. */
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { watchFile, type FileState, type FileWatch } from "@keybearer/watch";
import { inWords, systemCode } from "../errors.ts";

export const pemNames = ["cert", "key", "root"] as const;
export type PemName = (typeof pemNames)[number];
/** Texts, or paths, of those that there are. */
export type Pem = Readonly<Partial<Record<PemName, string>>>;

export interface PemFilesOptions {
  /** As the config names them. */
  readonly files: Pem;
  /** Where relative paths are looked up, in order. */
  readonly directories: readonly string[];
  /** Why these cannot be used; undefined: they can. */
  readonly check: (pem: Pem) => Error | undefined;
  /** Hears, once each time, that the files are no good any more; the last good ones are kept. */
  readonly report: (error: Error) => void;
  /** Hears that others are used now. */
  readonly renewed: (text: string) => void;
}

/** One of the files: `name` undefined stands for all of them, which do not fit together. */
export class PemError extends Error {
  readonly file: PemName | undefined;
  readonly kind: "unreadable" | "invalid";
  readonly found: string | undefined;

  constructor(kind: PemError["kind"], file: PemName | undefined, message: string, found?: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
    this.file = file;
    this.found = found;
  }
}

/** More than any chain of certificates. */
const LIMIT_BYTES = 1024 * 1024;

export class PemFiles implements AsyncDisposable {
  /** Where each stands. */
  readonly paths: Pem;
  readonly #options: PemFilesOptions;
  readonly #watches: readonly FileWatch[];
  readonly #states = new Map<PemName, FileState>();
  readonly #subscribers = new Set<(pem: Pem) => void>();
  #current: Pem;
  #failure: string | undefined;
  #closed = false;

  private constructor(options: PemFilesOptions, paths: Pem, current: Pem) {
    this.#options = options;
    this.#current = current;
    this.paths = paths;
    this.#watches = present(paths).map(([name, path]) => {
      const known = Buffer.from(current[name] ?? "");
      this.#states.set(name, { kind: "content", bytes: known, modifiedAt: 0 });
      const onChange = (state: FileState): void => {
        this.#states.set(name, state);
        void this.#look();
      };
      return watchFile(path, { known, limitBytes: LIMIT_BYTES, onChange });
    });
  }

  /** Throws a PemError for each file that cannot be read, else for what cannot be used, in an AggregateError. */
  static async open(options: PemFilesOptions): Promise<PemFiles> {
    const { files, directories, check } = options;
    const errors: PemError[] = [];
    const paths: Partial<Record<PemName, string>> = {};
    const texts: Partial<Record<PemName, string>> = {};
    for (const [name, file] of present(files)) {
      try {
        [paths[name], texts[name]] = await readFirst(file, directories);
      } catch (cause) {
        const places = [...new Set(directories.map((directory) => resolve(directory, file)))];
        const found = systemCode(cause) === "ENOENT" ? `nothing at ${places.join(" or ")}` : undefined;
        errors.push(new PemError("unreadable", name, `cannot read ${file}: ${inWords(cause)}`, found, cause));
      }
    }
    errors.push(...invalid(texts, errors.length > 0 ? () => undefined : check));
    if (errors.length > 0) throw new AggregateError(errors, "these files cannot be used");
    return new PemFiles(options, paths, texts);
  }

  get current(): Pem {
    return this.#current;
  }

  /** Told when others are good. Returns what ends it. */
  subscribe(subscriber: (pem: Pem) => void): () => void {
    this.#subscribers.add(subscriber);
    return () => void this.#subscribers.delete(subscriber);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const watch of this.#watches) watch.close();
  }

  async #look(): Promise<void> {
    // All of them: under a link that was swapped each has changed, and none fits the ones from before.
    await Promise.all(this.#watches.map((watch) => watch.check()));
    if (this.#closed) return;
    const [error, pem] = this.#read();
    if (error) {
      if (error.message !== this.#failure) this.#options.report(new Error(`${error.message}; the last good ones stay`));
      this.#failure = error.message;
      return;
    }
    this.#failure = undefined;
    if (pemNames.every((name) => pem[name] === this.#current[name])) return;
    this.#current = pem;
    this.#options.renewed(`other certificates are used now: ${describe(this.paths, pem)}`);
    for (const subscriber of this.#subscribers) subscriber(pem);
  }

  #read(): [Error | undefined, Pem] {
    const texts: Partial<Record<PemName, string>> = {};
    for (const [name, state] of this.#states) {
      if (state.kind !== "content") {
        const why = state.kind === "missing" ? "no such file" : inWords(state.error);
        return [new Error(`cannot read ${this.paths[name]}: ${why}`), texts];
      }
      texts[name] = Buffer.from(state.bytes).toString("utf8");
    }
    const [error] = invalid(texts, this.#options.check);
    const names = error?.file === undefined ? present(this.paths).map(([, path]) => path) : [this.paths[error.file]];
    return [error && new Error(`${names.join(", ")}: ${error.message}`, { cause: error }), texts];
  }
}

function describe(paths: Pem, { cert }: Pem): string {
  const names = present(paths).map(([, path]) => path);
  const [own] = cert === undefined ? [] : certificatesIn(cert);
  return own === undefined ? names.join(", ") : `${names.join(", ")}, valid until ${own.validToDate.toISOString()}`;
}

export function present(pem: Pem): [PemName, string][] {
  return pemNames.flatMap((name): [PemName, string][] => (pem[name] === undefined ? [] : [[name, pem[name]]]));
}

function invalid(pem: Pem, check: PemFilesOptions["check"]): PemError[] {
  for (const [name, text] of present(pem)) {
    const error = name === "key" ? privateKeyError(text) : certificateError(text);
    if (error) return [new PemError("invalid", name, error.message, undefined, error)];
  }
  const mismatch = check(pem);
  return mismatch ? [new PemError("invalid", undefined, mismatch.message, undefined, mismatch)] : [];
}

/** Node takes an empty text for none, and says nothing. */
function privateKeyError(pem: string): Error | undefined {
  return /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem) ? undefined : new Error("there is no private key in this file");
}

/** Node passes over what is no certificate without a word, and then trusts nobody. */
function certificateError(pem: string): Error | undefined {
  try {
    return certificatesIn(pem).length === 0 ? new Error("there is no certificate in this file") : undefined;
  } catch (cause) {
    return new Error("this file holds a certificate that cannot be read", { cause });
  }
}

/** Throws for one that cannot be read. */
export function certificatesIn(pem: string): X509Certificate[] {
  const texts = pem.match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g) ?? [];
  return texts.map((text) => new X509Certificate(text));
}

async function readFirst(file: string, directories: readonly string[]): Promise<[path: string, text: string]> {
  let missing: unknown;
  for (const path of directories.map((directory) => resolve(directory, file))) {
    try {
      return [path, await readFile(path, "utf8")];
    } catch (error) {
      if (systemCode(error) !== "ENOENT") throw error;
      missing = error;
    }
  }
  throw missing;
}
