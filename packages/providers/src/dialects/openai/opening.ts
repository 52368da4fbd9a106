/** Tells when the first content of a stream has come: until then another key can still serve it unseen. */
import { StringDecoder } from "node:string_decoder";
import type { StreamOpening, StreamVerdict } from "../../contract.ts";

/** An opening that is longer is taken for content. */
const openingLimitCharacters = 65_536;

const stepBytes = 1024;

const openingTypes = new Set(["response.created", "response.queued", "response.in_progress", "ping"]);

export function streamOpening(): StreamOpening {
  return new Opening();
}

class Opening implements StreamOpening {
  readonly #decoder = new StringDecoder("utf8");
  #text = "";

  push(chunk: Uint8Array): StreamVerdict {
    let verdict: StreamVerdict = "opening";
    // A chunk may hold a whole stream, of which the first events tell.
    for (let at = 0; at < chunk.length && verdict === "opening"; at += stepBytes) {
      verdict = this.#read(this.#decoder.write(chunk.subarray(at, at + stepBytes)));
    }
    return verdict;
  }

  #read(text: string): StreamVerdict {
    this.#text += text;
    for (;;) {
      const end = /\r\n\r\n|\n\n|\r\r/.exec(this.#text);
      if (!end) return this.#text.length > openingLimitCharacters ? "content" : "opening";
      const verdict = judge(this.#text.slice(0, end.index));
      if (verdict !== "opening") return verdict;
      this.#text = this.#text.slice(end.index + end[0].length);
    }
  }
}

function judge(event: string): StreamVerdict {
  const lines = event.replace(/^\uFEFF/, "").split(/\r\n|\r|\n/);
  const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart());
  // Comments and events without data keep a connection awake.
  if (data.length === 0) return "opening";
  const text = data.join("\n");
  try {
    return judgeData(JSON.parse(text), text);
  } catch {
    // `[DONE]`, and whatever else is no JSON.
    return "content";
  }
}

interface EventData {
  readonly type?: unknown;
  readonly error?: unknown;
  readonly response?: unknown;
  readonly choices?: unknown;
}

function judgeData(value: unknown, text: string): StreamVerdict {
  if (!isRecord(value)) return "content";
  const { type, error, response, choices }: EventData = value;
  if (isRecord(error) || type === "error") return { error: text };
  if (type === "response.failed") return { error: JSON.stringify(isRecord(response) ? response : value) };
  if (typeof type === "string") return openingTypes.has(type) ? "opening" : "content";
  return Array.isArray(choices) && choices.every(isEmptyChoice) ? "opening" : "content";
}

/** The role, and nothing said yet. */
function isEmptyChoice(choice: unknown): boolean {
  if (!isRecord(choice)) return false;
  const {
    delta,
    finish_reason: finishReason,
    text,
  }: { delta?: unknown; finish_reason?: unknown; text?: unknown } = choice;
  if ((finishReason ?? null) !== null || (typeof text === "string" && text !== "")) return false;
  return (
    delta === undefined ||
    (isRecord(delta) && Object.entries(delta).every(([name, said]) => name === "role" || isNothing(said)))
  );
}

function isNothing(said: unknown): boolean {
  return said === null || said === "" || (Array.isArray(said) && said.length === 0);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
