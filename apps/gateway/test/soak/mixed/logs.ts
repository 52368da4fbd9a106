/** The gateway's logs of a long time, read as they come and not kept: whose lines there are, and whether a key is in them. */
import { canariesIn } from "../../canaries.ts";
import type { Keybearer } from "../../keybearer.ts";

export class AccessLog {
  /** Of requests that had one line each. */
  readonly #seen = new Set<string>();
  readonly #twice: string[] = [];
  readonly #canaries: Readonly<Record<string, string>>;
  #half = "";
  leaks = 0;

  constructor(keybearer: Keybearer, canaries: Readonly<Record<string, string>>) {
    this.#canaries = canaries;
    const { stdout } = keybearer.process;
    // In its place: more than one text can hold.
    stdout?.removeAllListeners("data").on("data", (text: string) => this.#read(text));
    stdout?.resume();
  }

  /** How many requests whose ids begin so have had a line. */
  count(start: string): number {
    return [...this.#seen].filter((id) => id.startsWith(start)).length;
  }

  get twice(): readonly string[] {
    return this.#twice;
  }

  #read(text: string): void {
    const lines = (this.#half + text).split("\n");
    this.#half = lines.pop() ?? "";
    this.leaks += canariesIn(lines.join("\n"), this.#canaries).length;
    for (const line of lines) {
      const [, id = ""] = /"request\.id":"([^"]+)"/.exec(line) ?? [];
      if (this.#seen.has(id)) this.#twice.push(id);
      this.#seen.add(id);
    }
  }
}
