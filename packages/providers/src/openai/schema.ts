/** The YAML below `provider: { openAI: ... }`. */
import * as v from "valibot";

export const openAISchema = v.strictObject({
  model: v.optional(
    v.pipe(
      v.string(),
      v.nonEmpty("expected a model's name"),
      v.description("Written in place of the model that the client asks for, wherever a call names one."),
    ),
  ),
});
