/** The real process, run from its sources in a directory of its own, as an operator would run it. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { entry } from "./entry.ts";

/** Its own, so that two runs of the tests under two users do not meet. */
const compileCache = join(tmpdir(), `keybearer-compile-cache-${process.getuid?.() ?? 0}`);

export interface RunOptions {
  /** Text of `config.yaml` in the directory, where it is found without a flag. */
  readonly config?: string;
  /** Further files of the directory, by name. */
  readonly files?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
  /** Beside a free port for admin, stats and readiness, and one worker thread; an empty string takes such a one away. */
  readonly env?: Readonly<Record<string, string>>;
  /** Default: the directory itself. */
  readonly cwd?: string;
  /** Default: a new one that goes when the test has finished. */
  readonly directory?: string;
  readonly stdin?: string;
  /** Standard output is a terminal, and standard input one where nobody types. */
  readonly terminal?: boolean;
  /** Flags for node itself. */
  readonly nodeArgs?: readonly string[];
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Urls {
  readonly binds: readonly string[];
  readonly admin: string;
  readonly stats: string;
  readonly readiness: string;
}

export interface Keybearer {
  readonly directory: string;
  readonly process: ChildProcess;
  /** What was written so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** Those of the banner. */
  readonly urls: Urls;
  /** Of the first port that serves. */
  readonly url: string;
  /** The access log, once it has so many lines. */
  accessLog(lines: number): Promise<readonly Record<string, unknown>[]>;
  /** Resolves when the stream's text matches; rejects when the process ends before. */
  said(stream: "stdout" | "stderr", pattern: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<Ended>;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<Ended>;
}

/** A directory with these files; it goes when the test has finished. */
export function directoryOf(files: Readonly<Record<string, string>> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), "keybearer-test-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  writeFiles(directory, files);
  return directory;
}

/** Runs a command to its end. */
export async function runKeybearer(options: RunOptions): Promise<Ended> {
  return spawnKeybearer(options).ended;
}

/** Resolves when the banner stands; rejects, with what was written, when the process ends before. */
export async function startKeybearer(options: RunOptions): Promise<Keybearer> {
  const process = spawnKeybearer(options);
  await process.said("stderr", /^listening .*\n(?:.+\n)*\n/m);
  return process;
}

export function spawnKeybearer(options: RunOptions): Keybearer {
  const directory = options.directory ?? directoryOf();
  writeFiles(directory, {
    ...options.files,
    ...(options.config === undefined ? {} : { "config.yaml": options.config }),
  });
  const { nodeArgs = [], args = [], env = {}, terminal = false } = options;
  const command = [process.execPath, ...nodeArgs, ...entry, ...args];
  const [program = "", ...programArgs] = terminal ? inTerminal(command) : command;
  const child = spawn(program, programArgs, {
    cwd: options.cwd ?? directory,
    env: {
      PATH: process.env["PATH"],
      HOME: directory,
      NODE_COMPILE_CACHE: compileCache,
      ADMIN_ADDR: "127.0.0.1:0",
      STATS_ADDR: "127.0.0.1:0",
      READINESS_ADDR: "127.0.0.1:0",
      WORKER_THREADS: "1",
      ...env,
    },
    stdio: "pipe",
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.stdin ?? "");
  return watch(child, directory);
}

/** Whether `terminal` works here. */
export const hasTerminal = spawnSync("script", ["-qec", "true", "/dev/null"]).status === 0;

/** By util-linux's `script`; standard error goes past the terminal. */
function inTerminal(command: readonly string[]): string[] {
  const words = command.map((word) => `'${word}'`).join(" ");
  return ["sh", "-c", 'exec script -qefc "$0 2>&3" /dev/null 3>&2', words];
}

function watch(child: ChildProcess, directory: string): Keybearer {
  const texts = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream]?.setEncoding("utf8").on("data", (text: string) => {
      texts[stream] += text;
      for (const look of waiting) look();
    });
  }
  let isOver = false;
  const { promise: ended, resolve: end } = Promise.withResolvers<Ended>();
  child.on("close", (code, signal) => {
    isOver = true;
    end({ code, signal, ...texts });
    for (const look of waiting) look();
  });
  const said = (stream: "stdout" | "stderr", pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(texts[stream]);
        if (!found && !isOver) return;
        waiting.delete(look);
        if (found) resolve(found);
        else reject(new Error(`ended without ${pattern} on ${stream}; it wrote\n${texts.stdout}\n${texts.stderr}`));
      };
      waiting.add(look);
      look();
    });
  return {
    directory,
    process: child,
    get stdout() {
      return texts.stdout;
    },
    get stderr() {
      return texts.stderr;
    },
    get urls() {
      return urlsIn(texts.stderr);
    },
    get url() {
      return urlsIn(texts.stderr).binds[0] ?? "";
    },
    async accessLog(lines) {
      const [text] = await said("stdout", new RegExp(`^(?:.*\\n){${lines},}`));
      return text
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    },
    said,
    ended,
    stop() {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

function urlsIn(banner: string): Urls {
  const all = (word: string): string[] =>
    Array.from(banner.matchAll(new RegExp(`^${word} +(https?://[^/\\s]+)`, "gm")), ([, url = ""]) => url);
  const [admin = "", stats = "", readiness = ""] = ["admin", "metrics", "readiness"].map((word) => all(word)[0]);
  return { binds: all("listening"), admin, stats, readiness };
}

function writeFiles(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { mode: 0o600 });
  }
}
