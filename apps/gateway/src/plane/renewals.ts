/** Questions to the main thread, which alone can read a key again. */

export interface Question {
  readonly question: number;
  readonly epoch: number;
  readonly id: string;
  readonly rejected: number | undefined;
}

/** The main thread bounds its sources; this bounds the main thread. */
const LIMIT_MS = 30_000;

export class Renewals {
  readonly #send: (question: Question) => void;
  readonly #waiting = new Map<number, (isNewer: boolean) => void>();
  /** One question at a time for each key and version: many requests may be refused at once. */
  readonly #asked = new Map<string, Promise<boolean>>();
  #last = 0;

  constructor(send: (question: Question) => void) {
    this.#send = send;
  }

  ask(epoch: number, id: string, rejected: number | undefined): Promise<boolean> {
    const subject = `${epoch} ${rejected} ${id}`;
    const known = this.#asked.get(subject);
    if (known) return known;
    const question = ++this.#last;
    const answer = new Promise<boolean>((resolve) => {
      const limit = setTimeout(() => this.answered({ question, isNewer: false }), LIMIT_MS);
      this.#waiting.set(question, (isNewer) => {
        clearTimeout(limit);
        this.#asked.delete(subject);
        resolve(isNewer);
      });
    });
    this.#asked.set(subject, answer);
    this.#send({ question, epoch, id, rejected });
    return answer;
  }

  answered({ question, isNewer }: { readonly question: number; readonly isNewer: boolean }): void {
    const resolve = this.#waiting.get(question);
    this.#waiting.delete(question);
    resolve?.(isNewer);
  }
}
