/** The official openai client as an application has it, but for the base URL. */
import OpenAI, { type ClientOptions } from "openai";

/** What a client has for a key: the official clients do not start without one. */
export const CLIENT_KEY = "client-dummy-key-abcdefgh";

/** Without retries: what a test sees is the first answer. */
export function openaiClient(url: string | undefined, options: ClientOptions = {}): OpenAI {
  return new OpenAI({ apiKey: CLIENT_KEY, baseURL: `${url}/v1`, maxRetries: 0, ...options });
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
