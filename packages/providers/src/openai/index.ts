/** OpenAI, and whatever speaks its API under another `hostOverride`. */
import type { Provider } from "../contract.ts";
import { openAIDialect } from "../dialects/openai/index.ts";
import { headerPlacement } from "../placement.ts";
import { openAIKeyCheck } from "./key-check.ts";
import { openAISchema } from "./schema.ts";

export const openAI: Provider = {
  name: "openAI",
  system: "openai",
  schema: openAISchema,
  origin: "https://api.openai.com",
  basePath: "/v1",
  dialect: openAIDialect,
  placement: headerPlacement("authorization", "Bearer "),
  keyCheck: openAIKeyCheck,
};
