/** Asks the admin port of a running gateway. */
import { request } from "undici";
import * as v from "valibot";
import { GatewayError, inWords, systemCode } from "../errors.ts";
import type { KeysReport } from "../keys/report.ts";

const LIMIT_MS = 5_000;
const BODY_LIMIT_BYTES = 16 * 1024 * 1024;

/** What must be there to make a table of it; a newer gateway may tell more. */
const reportSchema = v.looseObject({
  from: v.literal("gateway"),
  config: v.string(),
  at: v.pipe(v.string(), v.isoTimestamp()),
  keys: v.array(v.looseObject({ name: v.string(), place: v.string(), source: v.string(), state: v.string() })),
});

type AdminHeaders = Readonly<Record<string, string>>;

/** Throws GatewayError ADMIN_UNAVAILABLE. With `if it is there`: undefined where nothing listens, or something else. */
export function askForKeys(url: string, headers: AdminHeaders): Promise<KeysReport>;
export function askForKeys(
  url: string,
  headers: AdminHeaders,
  wanted: "if it is there",
): Promise<KeysReport | undefined>;
export async function askForKeys(
  url: string,
  headers: AdminHeaders,
  wanted?: "if it is there",
): Promise<KeysReport | undefined> {
  const answer = await get(new URL("/keys", baseOf(url)), headers);
  if (answer instanceof GatewayError) {
    if (wanted === undefined) throw answer;
    return undefined;
  }
  if (answer.status === 401 || answer.status === 403) {
    throw unavailable(`the admin port at ${url} refuses to answer (status ${answer.status})`);
  }
  const report = v.safeParse(reportSchema, answer.value);
  // The rest of its shape is that of the same version of this code, or none of it is relied on.
  if (report.success) return report.output as unknown as KeysReport;
  if (wanted === undefined) throw unavailable(`what answers at ${url} is no gateway of this kind`);
  return undefined;
}

function baseOf(url: string): URL {
  const text = /^https?:\/\//i.test(url) ? url : `http://${url}`;
  const base = URL.parse(text);
  if (base === null) throw unavailable(`${url} is no URL of an admin port; it looks like http://localhost:15000`);
  return base;
}

async function get(
  url: URL,
  headers: AdminHeaders,
): Promise<{ readonly status: number; readonly value: unknown } | GatewayError> {
  try {
    const { statusCode, body } = await request(url, { headers, signal: AbortSignal.timeout(LIMIT_MS) });
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > BODY_LIMIT_BYTES) break;
    }
    return { status: statusCode, value: parsed(Buffer.concat(chunks).toString("utf8")) };
  } catch (cause) {
    const why = systemCode(cause) === "ECONNREFUSED" ? "nothing listens there" : inWords(cause);
    return unavailable(`cannot ask the admin port at ${url.origin}: ${why}`, cause);
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unavailable(message: string, cause?: unknown): GatewayError {
  return new GatewayError("ADMIN_UNAVAILABLE", message, cause === undefined ? {} : { cause });
}
