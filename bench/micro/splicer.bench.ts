/** How long to read what a body asks for and write another model into it? Baseline: JSON.parse and JSON.stringify. */
import { openAIDialect } from "@keybearer/providers";
import { chatRequest, configuredModel } from "../upstream/payloads.ts";
import { compare } from "./timer.ts";

const edit = { model: configuredModel, includeUsage: true };

for (const [title, body] of [
  ["350 B", chatRequest(350)],
  ["350 B that streams: usage is asked for as well", chatRequest(350, { stream: true })],
  ["16 kB", chatRequest(16 * 1024)],
  ["256 kB", chatRequest(256 * 1024)],
] as const) {
  compare(`A model into a body of ${title}`, {
    "parse and stringify": () =>
      Buffer.from(JSON.stringify({ ...JSON.parse(body.toString()), model: configuredModel })),
    "editBody, splicing": () => openAIDialect.editBody(body, "application/json", edit),
    "editBody, nothing to write": () => openAIDialect.editBody(body, "application/json", { includeUsage: false }),
  });
}
