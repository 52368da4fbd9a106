/** What well-behaved clients ask for, and how each knows that it has got the right answer. */
import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Dispatcher } from "undici";

export type Body = Dispatcher.ResponseData["body"];

export interface Call {
  readonly name: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
  /** Default: as fast as it comes. */
  readonly read?: (body: Body) => Promise<string>;
  /** It was made to fail: any answer will do. */
  readonly isProvoked?: boolean;
  /** What is wrong with it. */
  readonly check: (status: number, text: string) => string | undefined;
}

export interface ChatOptions {
  readonly name: string;
  readonly stream?: boolean;
  readonly model?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly isProvoked?: boolean;
}

/** The answer repeats what was asked, so that nobody gets another's. */
export function chat(
  id: string,
  { name, stream = false, model = "gpt-4o-mini", headers, isProvoked }: ChatOptions,
): Call {
  const content = `this is request ${id} of a soak`;
  return {
    name,
    method: "POST",
    path: "/v1/chat/completions",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ model, messages: [{ role: "user", content }], stream }),
    ...(isProvoked === undefined ? {} : { isProvoked }),
    check: (status, text) => {
      if (status !== 200) return unlike(200, status, text);
      const said = stream ? saidIn(text) : JSON.parse(text).choices[0].message.content;
      return said === `You said: ${content}` ? undefined : `not its own or not whole: ${text}`;
    },
  };
}

/** Sixteen megabytes: more than the sockets on the way hold by themselves. `Z` stands nowhere else in it. */
const FAT = { events: 4_000, text: "Z".repeat(4_000) };
const SIP_MS = 15;
const LAST_EVENT = "data: [DONE]\n\n";

/** For a client that takes a sip now and then: the gateway and the provider have to wait for it. */
export function slowStream(id: string): Call {
  const headers = { "x-simulate": `events=${FAT.events}, text=${FAT.text}` };
  const expected = `${FAT.events * FAT.text.length} and ${LAST_EVENT}`;
  return {
    ...chat(id, { name: "a stream that is read slowly", stream: true, headers }),
    async read(body) {
      let [count, rest] = [0, ""];
      for await (const chunk of body) {
        const others = String(chunk).replaceAll("Z", "");
        count += chunk.length - others.length;
        rest += others;
        await sleep(SIP_MS);
      }
      return count > 0 ? `${count} and ${rest.slice(-LAST_EVENT.length)}` : rest;
    },
    check: (status, text) => {
      if (status !== 200) return unlike(200, status, text);
      return text === expected ? undefined : `not whole: ${text}`;
    },
  };
}

const upload = randomBytes(300_000);
const uploadHash = createHash("sha256").update(upload).digest("hex");

/** A recording of 300 kB; the answer describes what has arrived. */
export function transcription(): Call {
  const part = (head: string, content: string | Buffer): Buffer =>
    Buffer.concat([
      Buffer.from(`--part\r\nContent-Disposition: form-data; ${head}\r\n\r\n`),
      Buffer.from(content),
      Buffer.from("\r\n"),
    ]);
  return {
    name: "an upload",
    method: "POST",
    path: "/v1/audio/transcriptions",
    headers: { "content-type": "multipart/form-data; boundary=part" },
    body: Buffer.concat([
      part('name="model"', "whisper-1"),
      part('name="file"; filename="a.wav"', upload),
      Buffer.from("--part--\r\n"),
    ]),
    check: (status, text) => {
      if (status !== 200) return unlike(200, status, text);
      return text.includes(uploadHash) ? undefined : `not what was uploaded: ${text}`;
    },
  };
}

export const EMBEDDING = { model: "text-embedding-3-small", input: "a soak of twenty minutes", dimensions: 256 };

/** `expected`: `data` of the answer, as the provider gives it to whoever asks it directly. */
export function embedding(expected: string): Call {
  return {
    name: "an embedding",
    method: "POST",
    path: "/v1/embeddings",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(EMBEDDING),
    check: (status, text) => {
      if (status !== 200) return unlike(200, status, text);
      return JSON.stringify(JSON.parse(text).data) === expected ? undefined : `another embedding: ${text}`;
    },
  };
}

export function nowhere(): Call {
  return {
    name: "a path that is not served",
    method: "GET",
    path: "/v1/nowhere",
    check: (status, text) => (status === 404 ? undefined : unlike(404, status, text)),
  };
}

function unlike(expected: number, status: number, text: string): string {
  return `expected ${expected}, got ${status} ${text.slice(0, 500)}`;
}

/** Undefined: the stream is not whole. */
function saidIn(text: string): string | undefined {
  const events = text.trimEnd().split("\n\n");
  if (events.pop() !== "data: [DONE]") return undefined;
  const chunks = events.map((event) => JSON.parse(event.replace(/^data: /, "")));
  return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
}
