/** Clients that call one after another without a pause, each on a connection of its own, and the tally of their answers. */
import { Client, type Dispatcher } from "undici";
import { onTestFinished } from "vitest";
import { THREAD } from "./dying-threads.ts";

/** How many call at once. */
const CLIENTS = 8;
/** What is not answered by then has failed. */
const ANSWER_LIMIT_MS = 10_000;
/** Then the connection is given up, so that new ones are made all the time and no thread is left without. */
const REQUESTS_ON_CONNECTION = 20;

export type AnswerHeaders = Dispatcher.ResponseData["headers"];

export interface Failure {
  readonly reason: string;
  /** False: the connection was lost. */
  readonly wasAnswered: boolean;
  /** Of the connection, where the gateway's threads name themselves; undefined before its first answer. */
  readonly thread: string | undefined;
}

export interface Tally {
  readonly requests: number;
  /** Whatever is not a whole answer with status 200. */
  readonly failures: readonly Failure[];
}

export interface Traffic {
  /** Resolves once each client has been answered, well or not, a request that it began from now on. */
  round(): Promise<void>;
  /** Resolves when the last answer is there. */
  stop(): Promise<Tally>;
}

/** Ends when the test has finished, if nobody stops it before. `onAnswer` is told of each good answer. */
export function startTraffic(url: string, onAnswer: (headers: AnswerHeaders) => void = () => undefined): Traffic {
  const failures: Failure[] = [];
  const callers = Array.from({ length: CLIENTS }, (_, number) => new Caller(url, number, failures, onAnswer));
  const stop = async (): Promise<Tally> => {
    await Promise.all(callers.map((caller) => caller.stop()));
    return { requests: callers.reduce((sum, { answered }) => sum + answered, 0), failures };
  };
  onTestFinished(() => void stop());
  return {
    async round() {
      await Promise.all(callers.map((caller) => caller.another()));
    },
    stop,
  };
}

class Caller {
  answered = 0;
  readonly #client: Client;
  readonly #number: number;
  readonly #failures: Failure[];
  readonly #onAnswer: (headers: AnswerHeaders) => void;
  readonly #running: Promise<void>;
  readonly #waiting = new Set<() => void>();
  #thread: string | undefined;
  #isOver = false;

  constructor(url: string, number: number, failures: Failure[], onAnswer: (headers: AnswerHeaders) => void) {
    this.#client = new Client(url, { headersTimeout: ANSWER_LIMIT_MS, bodyTimeout: ANSWER_LIMIT_MS });
    this.#client.on("disconnect", () => (this.#thread = undefined));
    this.#number = number;
    this.#failures = failures;
    this.#onAnswer = onAnswer;
    this.#running = this.#run();
  }

  /** The request that is under way does not count. */
  another(): Promise<void> {
    const begun = this.answered + 1;
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.answered <= begun && !this.#isOver) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
    await this.#client.destroy();
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const threadBefore = this.#thread;
      const isLast = this.answered % REQUESTS_ON_CONNECTION === REQUESTS_ON_CONNECTION - 1;
      const failure = await this.#call(isLast).then(
        (reason) => reason && { reason, wasAnswered: true },
        (error: unknown) => ({ reason: String(error), wasAnswered: false }),
      );
      if (failure) this.#failures.push({ ...failure, thread: this.#thread ?? threadBefore });
      if (isLast) this.#thread = undefined;
      this.answered += 1;
      for (const look of this.#waiting) look();
    }
    for (const look of this.#waiting) look();
  }

  /** JSON and a stream in turn, so that at any time half of the clients read a stream. Returns what is wrong with it. */
  async #call(reset: boolean): Promise<string | undefined> {
    const stream = (this.#number + this.answered) % 2 === 0;
    const { statusCode, headers, body } = await this.#client.request({
      method: "POST",
      path: "/v1/chat/completions",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "hello" }], stream }),
      reset,
    });
    const thread = headers[THREAD];
    if (typeof thread === "string") this.#thread = thread;
    const text = await body.text();
    if (statusCode !== 200) return `${statusCode} ${text}`;
    if (stream ? !text.endsWith("data: [DONE]\n\n") : !("choices" in JSON.parse(text))) return `not whole: ${text}`;
    this.#onAnswer(headers);
    return undefined;
  }
}
