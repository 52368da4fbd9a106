/** Tells when the content of a file changes. */
import { keepAlive, systemClock, type WatchClock } from "./clock.ts";
import { Directories, type DirectoryEvent } from "./directories.ts";
import { readFileState, signatureOf, type Reading } from "./read.ts";
import { isEmpty, losesLineEnd, sameState, type FileState } from "./state.ts";

export interface WatchFileOptions {
  /** Told when what the path holds is another than what was told last. What it throws is thrown outside, uncaught. */
  onChange(state: FileState): void;
  /** A larger file is unreadable. 1 MiB by default. */
  readonly limitBytes?: number | undefined;
  /** How long a content that may be written in place has to stand still before it is told. 50 by default. */
  readonly settleMs?: number | undefined;
  /**
   * How much longer, if it looks half written: empty, or written in place and without the line end that the content
   * before it had. 1000 by default.
   */
  readonly lostLineEndMs?: number | undefined;
  /** How often to look where no event comes, as on network file systems. 1000 by default. */
  readonly pollMs?: number | undefined;
  /** False: polling alone. */
  readonly events?: boolean | undefined;
  /** The content that the caller has already. Without it, the first one is told as well. */
  readonly known?: Uint8Array | undefined;
  /** The system's timers by default. */
  readonly clock?: WatchClock | undefined;
}

export interface FileWatch {
  /** Nothing is told any more, and no `check()` stays open. Twice is the same as once. */
  close(): void;
  /** Looks now, whatever has been noticed. Resolves once what is found there has stood still and was told. */
  check(): Promise<void>;
}

/**
 * Watches until closed, and keeps no process alive but for a `check()`. The path may be missing, may lead
 * over links, and the directories on the way may come and go. Never throws.
 */
export function watchFile(path: string, options: WatchFileOptions): FileWatch {
  return new Watch(path, options);
}

interface Reasons {
  /** The way to the file may be another one. */
  followed: boolean;
  /** Something happened to the file, even if it looks as before. */
  disturbed: boolean;
  /** Read, even if the file looks as before. */
  forced: boolean;
}

/** How long it has stood still so far: `settleMs`, or `lostLineEndMs` more. */
type Stillness = "none" | "settled" | "patient";

/** What was moved here in whole needs no more than the time for news of a write to arrive. */
const ARRIVED_WHOLE_MS = 10;

// Some file systems count whole seconds, FAT two: a write just after a read can look like no write for that long.
const READ_AGAIN_POLLS = 3;

class Watch implements FileWatch {
  readonly #path: string;
  readonly #options: WatchFileOptions;
  readonly #clock: WatchClock;
  readonly #directories: Directories | undefined;
  #told: FileState | undefined;
  #content: Uint8Array | undefined;
  #signature: string | undefined;
  /** The file was moved here in whole: nobody has written to it under this name. */
  #arrivedWhole = false;
  #reasons: Reasons | undefined;
  #isRunning = false;
  #isClosed = false;
  #stillness: Stillness = "none";
  #stopWaiting: (() => void) | undefined;
  #stopPolling: () => void = () => undefined;
  #readAgain = READ_AGAIN_POLLS;
  #asking: (() => void)[] = [];
  #answering: (() => void)[] = [];

  constructor(path: string, options: WatchFileOptions) {
    const { known, clock = systemClock, events = true } = options;
    this.#path = path;
    this.#options = options;
    this.#clock = clock;
    this.#content = known;
    if (known !== undefined) this.#told = { kind: "content", bytes: known, modifiedAt: 0 };
    if (events) this.#directories = new Directories(path, (event) => this.#hear(event));
    this.#wake({ followed: true });
    this.#poll();
  }

  check(): Promise<void> {
    if (this.#isClosed) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#asking.push(resolve);
    this.#wake({ forced: true });
    return promise.finally(keepAlive());
  }

  close(): void {
    this.#isClosed = true;
    this.#directories?.close();
    this.#stopWaiting?.();
    this.#stopPolling();
    this.#answering.push(...this.#asking.splice(0));
    this.#answer();
  }

  #hear(event: DirectoryEvent): void {
    // Coming and being written are one event in macOS, so it proves nothing there.
    this.#arrivedWhole = event === "entry" && process.platform !== "darwin";
    this.#wake({ disturbed: true, followed: event === "entry" });
  }

  #poll(): void {
    this.#stopPolling = this.#clock.after(this.#options.pollMs ?? 1_000, () => {
      const forced = this.#readAgain > 0 || this.#told?.kind === "unreadable";
      this.#readAgain = Math.max(0, this.#readAgain - 1);
      this.#wake({ forced });
      this.#poll();
    });
  }

  /** Looks now, or once more after the look that is under way: never two at once. */
  #wake(reasons: Partial<Reasons>): void {
    if (this.#isClosed) return;
    const before = this.#reasons;
    this.#reasons = {
      followed: reasons.followed === true || before?.followed === true,
      disturbed: reasons.disturbed === true || before?.disturbed === true,
      forced: reasons.forced === true || before?.forced === true,
    };
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    for (let reasons = this.#reasons; reasons !== undefined; reasons = this.#reasons) {
      this.#reasons = undefined;
      if (this.#isClosed) break;
      await this.#look(reasons);
    }
    this.#isRunning = false;
  }

  async #look({ followed, disturbed, forced }: Reasons): Promise<void> {
    if (followed) await this.#directories?.follow();
    this.#answering.push(...this.#asking.splice(0));
    const reading =
      this.#stillness !== "none" || forced ? await readFileState(this.#path, this.#limitBytes) : undefined;
    const { before, after } = reading ?? (await this.#glance());
    // Something happened while it was read: the look that follows decides.
    if (this.#isClosed || (reading !== undefined && this.#reasons?.disturbed)) return;
    if (disturbed || before !== this.#signature || after !== this.#signature) {
      // What nobody told us of may have come by another way.
      if (!disturbed && !followed) this.#wake({ followed: true });
      this.#signature = after;
      this.#readAgain = READ_AGAIN_POLLS;
      this.#wait("settled");
    } else if (this.#stopWaiting === undefined) {
      if (reading !== undefined) this.#decide(reading);
      else if (this.#stillness === "none") this.#settle();
    }
  }

  async #glance(): Promise<Pick<Reading, "before" | "after">> {
    const signature = await signatureOf(this.#path);
    return { before: signature, after: signature };
  }

  get #limitBytes(): number {
    return this.#options.limitBytes ?? 1_048_576;
  }

  #wait(stage: "settled" | "patient"): void {
    this.#stopWaiting?.();
    if (stage === "settled") this.#stillness = "none";
    const { settleMs = 50, lostLineEndMs = 1_000 } = this.#options;
    const stillMs = this.#arrivedWhole ? Math.min(settleMs, ARRIVED_WHOLE_MS) : settleMs;
    this.#stopWaiting = this.#clock.after(stage === "settled" ? stillMs : lostLineEndMs, () => {
      this.#stopWaiting = undefined;
      this.#stillness = stage;
      this.#wake({});
    });
  }

  #decide({ state }: Reading): void {
    if (this.#told !== undefined && sameState(this.#told, state)) {
      this.#settle();
    } else if (this.#stillness === "none") {
      this.#wait("settled");
    } else if (this.#stillness === "settled" && !this.#isWhole(state)) {
      this.#wait("patient");
    } else {
      this.#told = state;
      if (state.kind === "content") this.#content = state.bytes;
      this.#tell(state);
      this.#settle();
    }
  }

  #isWhole(state: FileState): boolean {
    return !isEmpty(state) && (this.#arrivedWhole || !losesLineEnd(state, this.#content));
  }

  #tell(state: FileState): void {
    try {
      this.#options.onChange(state);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #settle(): void {
    this.#stillness = "none";
    // Unless that is already about what happened after this look.
    if (this.#reasons?.disturbed !== true) this.#arrivedWhole = false;
    this.#answer();
  }

  #answer(): void {
    for (const resolve of this.#answering.splice(0)) resolve();
  }
}
