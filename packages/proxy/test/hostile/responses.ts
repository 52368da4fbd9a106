/** The table of responses, whole. */
import type { ResponseCase } from "./cases.ts";
import { responseBodies } from "./response-bodies.ts";
import { responseHeads } from "./response-heads.ts";

export const responseCases: readonly ResponseCase[] = [...responseBodies, ...responseHeads];
