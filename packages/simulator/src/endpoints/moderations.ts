/** POST /moderations: flags an input that contains the word `flagged`. */
import type { Endpoint } from "../endpoint.ts";
import { contentText } from "../json.ts";
import { jsonReply } from "../reply.ts";

const CATEGORIES = ["harassment", "hate", "illicit", "self-harm", "sexual", "violence"];

export const moderations: Endpoint = {
  method: "POST",
  path: "/moderations",
  reads: "json",
  answer({ body, model, store }) {
    const { input } = body;
    const texts =
      Array.isArray(input) && input.every((item) => typeof item === "string") ? input : [contentText(input)];
    return jsonReply({
      id: store.newId("modr-"),
      model: model === "" ? "omni-moderation-latest" : model,
      results: texts.map((text) => {
        const flagged = text.includes("flagged");
        const each = <T>(value: T) => Object.fromEntries(CATEGORIES.map((name) => [name, value]));
        return {
          flagged,
          categories: { ...each(false), harassment: flagged },
          category_scores: { ...each(0), harassment: flagged ? 1 : 0 },
        };
      }),
    });
  },
};
