/** OpenAI's API, as OpenAI and many others answer it. */
import type { Dialect } from "../../contract.ts";
import { editBody } from "./body.ts";
import { callOfType, classify } from "./endpoints.ts";
import { errorBody, streamError } from "./errors.ts";
import { streamOpening } from "./opening.ts";
import { responseIdScanner } from "./response-id.ts";
import { usageEventFilter } from "./usage-event-filter.ts";
import { usageScanner } from "./usage.ts";

export const openAIDialect: Dialect = {
  name: "openai",
  classify,
  callOfType,
  editBody,
  errorBody,
  streamError,
  usageScanner,
  responseIdScanner,
  usageEventFilter,
  streamOpening,
};
