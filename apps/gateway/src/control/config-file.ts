/** The config's file, followed: the text as it is now, and word when it is another. */
import { watchFile, type FileState, type FileWatch } from "@keybearer/watch";
import type { ConfigText } from "../config-text.ts";
import { GatewayError, inWords } from "../errors.ts";

/** Larger than any config, and small enough to be read again and again. */
const LIMIT_BYTES = 64 * 2 ** 20;

export class ConfigFile {
  readonly #text: ConfigText;
  readonly #watch: FileWatch | undefined;
  #state: FileState;

  /** `changed` is called when the file holds something else, or nothing any more. A text without a path never changes. */
  constructor(text: ConfigText, changed: () => void) {
    this.#text = text;
    this.#state = { kind: "content", bytes: text.bytes, modifiedAt: 0 };
    if (text.path === undefined) return;
    this.#watch = watchFile(text.path, {
      known: text.bytes,
      limitBytes: LIMIT_BYTES,
      onChange: (state) => {
        this.#state = state;
        changed();
      },
    });
  }

  /** Looks now, and waits until nobody is writing any more. Throws GatewayError CONFIG_UNREADABLE. */
  async read(): Promise<ConfigText> {
    await this.#watch?.check();
    if (this.#state.kind === "content") return { ...this.#text, bytes: this.#state.bytes };
    const reason = this.#state.kind === "missing" ? "no such file" : inWords(this.#state.error);
    throw new GatewayError("CONFIG_UNREADABLE", `cannot read the config ${this.#text.name}: ${reason}`);
  }

  close(): void {
    this.#watch?.close();
  }
}
