/** The table of requests, whole. */
import type { RequestCase } from "./cases.ts";
import { chunks } from "./request-chunks.ts";
import { heads } from "./request-heads.ts";
import { lengths } from "./request-lengths.ts";
import { semantics } from "./request-semantics.ts";
import { targets } from "./request-targets.ts";

export const requestCases: readonly RequestCase[] = [...lengths, ...chunks, ...heads, ...targets, ...semantics];
