/** Runs a program within bounds: no shell, no input, an end in time, an output that fits, nothing left behind. */
import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable } from "node:stream";
import { after, KEY_LIMIT_BYTES, type Clock, type SecretError } from "@keybearer/secrets";
import { couldNotStart, ended, tooLong, tooMuch, unwanted } from "./failures.ts";

export interface Program {
  readonly command: readonly string[];
  readonly directory: string;
  readonly env: Readonly<Record<string, string>>;
  readonly limitMs: number;
  /** From SIGTERM to SIGKILL. */
  readonly killAfterMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** How long after its end we wait for what the program has started, where that holds its output open. */
const LINGER_MS = 250;

const hasGroups = process.platform !== "win32";

/** What the program wrote. Throws SecretError, which holds neither an argument nor anything that the program wrote. */
export function runProgram(program: Program): Promise<Buffer> {
  if (program.signal.aborted) return Promise.reject(unwanted());
  try {
    return new Run(program).output;
  } catch (error) {
    return Promise.reject(couldNotStart(error));
  }
}

class Run {
  readonly output: Promise<Buffer>;
  readonly #program: Program;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #settle: PromiseWithResolvers<Buffer>;
  readonly #chunks: Buffer[] = [];
  #outputBytes = 0;
  #errorBytes = 0;
  #failure: SecretError | undefined;
  #exit: { readonly code: number | null; readonly signal: string | null } | undefined;
  #timers: (() => void)[] = [];

  constructor(program: Program) {
    this.#program = program;
    this.#settle = Promise.withResolvers<Buffer>();
    this.output = this.#settle.promise;
    const [path = "", ...args] = program.command;
    this.#child = spawn(path, args, {
      cwd: program.directory,
      env: program.env,
      // A group of its own, so that what the program starts ends with it.
      detached: hasGroups,
      stdio: ["ignore", "pipe", "pipe"],
      windowsHide: true,
    });
    this.#listen();
    this.#in(program.limitMs, () => this.#stop(tooLong(program.limitMs)));
    program.signal.addEventListener("abort", this.#abort, { once: true });
  }

  readonly #abort = (): void => this.#stop(unwanted());

  #listen(): void {
    this.#child.stdout.on("data", (chunk: Buffer) => this.#take(chunk));
    // Counted, and nothing else: programs print secrets there.
    this.#child.stderr.on("data", (chunk: Buffer) => (this.#errorBytes += chunk.length));
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream.on("error", () => undefined);
    this.#child.on("error", (error) => {
      if (this.#child.pid !== undefined) return;
      this.#failure ??= couldNotStart(error);
      this.#finish();
    });
    this.#child.on("exit", (code, signal) => {
      this.#exit = { code, signal };
      if (this.#failure === undefined) this.#in(LINGER_MS, () => setImmediate(() => this.#sweep()));
      else this.#sweep();
    });
    this.#child.on("close", () => this.#finish());
  }

  #take(chunk: Buffer): void {
    if (this.#failure !== undefined) return;
    this.#outputBytes += chunk.length;
    if (this.#outputBytes > KEY_LIMIT_BYTES) this.#stop(tooMuch());
    else this.#chunks.push(chunk);
  }

  #stop(failure: SecretError): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#chunks.length = 0;
    this.#kill("SIGTERM");
    this.#in(this.#program.killAfterMs, () => this.#kill("SIGKILL"));
  }

  /** The program is gone. What it left in its group, with our pipe in hand, would be one more for each refresh. */
  #sweep(): void {
    this.#kill("SIGKILL");
    this.#child.stdout.destroy();
    this.#child.stderr.destroy();
    this.#finish();
  }

  #kill(signal: "SIGTERM" | "SIGKILL"): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      if (hasGroups) process.kill(-pid, signal);
      else this.#child.kill(signal);
    } catch {
      // Nobody is left in the group.
    }
  }

  #in(delayMs: number, callback: () => void): void {
    this.#timers.push(after(this.#program.clock, delayMs, callback));
  }

  #finish(): void {
    for (const cancel of this.#timers) cancel();
    this.#timers = [];
    this.#program.signal.removeEventListener("abort", this.#abort);
    const failure = this.#failure ?? ended(this.#exit, this.#errorBytes);
    if (failure === undefined) this.#settle.resolve(Buffer.concat(this.#chunks));
    else this.#settle.reject(failure);
  }
}
