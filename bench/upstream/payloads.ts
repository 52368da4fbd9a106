/** What clients ask and the upstream answers: chat completions of fixed sizes. */

/** What clients ask for, and what a gateway that can writes in its place. */
export const requestedModel = "gpt-4o";
export const configuredModel = "gpt-4o-mini";
/** The client's own credential, which must not arrive; and the one that must. */
export const clientKey = "sk-client-0123456789abcdef";
export const providerKey = "sk-provider-0123456789abcdef0123456789abcdef";
const path = "/v1/chat/completions";

const prose =
  'The quick brown fox jumps over the lazy dog; "quoted words", a tab\t and a line\nbreak are as common as accents: café, naïve. ';

/** A chat request of that many bytes, or a few less. */
export function chatRequest(bytes: number, more: Readonly<Record<string, unknown>> = {}): Buffer {
  const system = { role: "system", content: "You are a helpful assistant." };
  for (let length = bytes; ;) {
    const text = prose.repeat(Math.ceil(length / prose.length)).slice(0, length);
    // Turns of a conversation, not one giant string: what a scanner meets.
    const turns = text.match(/[^]{1,1000}/g) ?? [];
    const messages = turns.map((content, index) => ({ role: index % 2 === 0 ? "user" : "assistant", content }));
    const body = Buffer.from(JSON.stringify({ model: requestedModel, messages: [system, ...messages], ...more }));
    const excess = body.length - bytes;
    if (excess <= 0) return body;
    length -= Math.ceil(excess / 2);
  }
}

/** A chat answer of about 700 bytes. */
export function chatAnswer(): Buffer {
  const text = `${prose}${prose}`.slice(0, 240);
  return Buffer.from(
    JSON.stringify({
      id: "chatcmpl-bench000000000000000000000000",
      object: "chat.completion",
      created: 1_760_000_000,
      model: `${configuredModel}-2024-07-18`,
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: text, refusal: null },
          logprobs: null,
          finish_reason: "stop",
        },
      ],
      usage: {
        prompt_tokens: 63,
        completion_tokens: 51,
        total_tokens: 114,
        prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 0 },
      },
      system_fingerprint: "fp_bench00000",
    }),
  );
}

/** A stream of 100 events; 99 where the one with the usage was not asked for. */
export function chatEvents(includeUsage: boolean): Buffer[] {
  const head = {
    id: "chatcmpl-bench000000000000000000000000",
    object: "chat.completion.chunk",
    created: 1_760_000_000,
    model: `${configuredModel}-2024-07-18`,
    system_fingerprint: "fp_bench00000",
  };
  const event = (rest: object) => Buffer.from(`data: ${JSON.stringify({ ...head, ...rest })}\n\n`);
  const choice = (delta: object, reason: string | null) => ({
    choices: [{ index: 0, delta, logprobs: null, finish_reason: reason }],
  });
  const usage = { choices: [], usage: { prompt_tokens: 63, completion_tokens: 96, total_tokens: 159 } };
  return [
    event(choice({ role: "assistant", content: "" }, null)),
    ...Array.from({ length: 96 }, (_, index) => event(choice({ content: ` word${index}` }, null))),
    event(choice({}, "stop")),
    ...(includeUsage ? [event(usage)] : []),
    Buffer.from("data: [DONE]\n\n"),
  ];
}

/** A whole HTTP/1.1 request, as an OpenAI client sends it. */
export function httpRequest(port: number, body: Uint8Array, headers: Readonly<Record<string, string>> = {}): Buffer {
  const lines = [
    `POST ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    "content-type: application/json",
    `content-length: ${body.length}`,
    `authorization: Bearer ${clientKey}`,
    "accept: application/json",
    "user-agent: OpenAI/JS 7.0.0",
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), body]);
}
