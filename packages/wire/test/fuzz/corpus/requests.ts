/** Requests that have fooled somebody, or look as if they could. One character is one byte. */
import type { Case } from "../reading.ts";
import { chunks } from "./chunks.ts";
import { lengths } from "./lengths.ts";
import { heads } from "./heads.ts";
import { rows } from "./rows.ts";
import { targets } from "./targets.ts";

const messages = [...heads, ...targets, ...lengths, ...rows];
const bodies = chunks.map((body) => `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`);

export const requestCorpus: readonly Case[] = [...messages, ...bodies].map((bytes) => ({ bytes }));
