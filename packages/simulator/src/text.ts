/** Deterministic text: what is answered, in pieces of one word, each counted as one token. */

/** An answer's text, made piece by piece. */
export interface Utterance {
  /** Pieces, which is to say tokens. */
  readonly count: number;
  /** `max_tokens` ended it early. */
  readonly cut: boolean;
  pieces(): Iterable<string>;
}

const ECHO_LIMIT = 1000;

/** Words with the blanks before them; joined they are the text again. */
function tokenize(text: string): string[] {
  return text.match(/\s*\S+|\s+$/g) ?? [];
}

export function countTokens(text: string): number {
  return tokenize(text).length;
}

/** `events` repeats or cuts the text to that many pieces; `maxTokens` cuts what is left. */
export function say(text: string, events: number | undefined, maxTokens: number | undefined): Utterance {
  const words = tokenize(text);
  const wanted = words.length === 0 ? 0 : (events ?? words.length);
  const count = Math.min(wanted, maxTokens ?? wanted);
  return {
    count,
    cut: count < wanted,
    *pieces() {
      for (let index = 0; index < count; index++) {
        const word = words[index % words.length] ?? "";
        yield index >= words.length && !word.startsWith(" ") ? ` ${word}` : word;
      }
    },
  };
}

export function joined(utterance: Utterance): string {
  return [...utterance.pieces()].join("");
}

export function echoText(said: string): string {
  if (said === "") return "Hello from the simulated provider.";
  return `You said: ${said.length > ECHO_LIMIT ? `${said.slice(0, ECHO_LIMIT)}...` : said}`;
}
