/** The table by which failures are told apart. The first row that fits is the answer: network, providers, then anyone. */
import type { FailureRule } from "../failure.ts";
import { anthropicRules } from "./anthropic.ts";
import { anyRules, networkRules } from "./any.ts";
import { cloudRules } from "./clouds.ts";
import { googleRules } from "./google.ts";
import { openAIRules } from "./openai.ts";
import { vendorRules } from "./vendors.ts";

export const failureRules: readonly FailureRule[] = [
  ...networkRules,
  ...openAIRules,
  ...anthropicRules,
  ...googleRules,
  ...cloudRules,
  ...vendorRules,
  ...anyRules,
];
