/** What stands below `exec:` in YAML. No message repeats what was found: an argument may be a secret. */
import { isAbsolute } from "node:path";
import * as v from "valibot";

/** The longest `timeout`: no fetch may take longer, and a gateway that starts waits for the slowest. */
const LONGEST_TIMEOUT_MS = 30_000;
const SHORTEST_INTERVAL_MS = 1_000;
/** What a timer can hold: a longer one would fire at once. */
const LONGEST_INTERVAL_MS = 2 ** 31 - 1;

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const text = (message: string) => v.pipe(v.string(message), v.nonEmpty(message));
const variable = (message: string) => v.pipe(v.string(message), v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, message));

const whatCommand = "expected a program by its absolute path, and its arguments: [/usr/bin/op, read, ...]";
const command = v.pipe(
  v.array(v.pipe(v.string(whatCommand), v.regex(/^[^\0]*$/, "an argument cannot hold a NUL character")), whatCommand),
  v.minLength(1, whatCommand),
  v.check(([program = ""]) => isAbsolute(program), `${whatCommand}; no shell looks it up, and none runs it`),
);

const formats = ["raw", "json", "execCredential", "credentialProcess"] as const;
const whatEnv = "expected variables for the program: { NAME: text } or { NAME: { env: NAME } }";

export const refSchema = v.pipe(
  v.strictObject(
    {
      command,
      format: v.optional(v.picklist(formats, `expected one of ${formats.join(", ")}`), "raw"),
      property: v.optional(text("expected the name of a field in the program's JSON")),
      refreshInterval: v.optional(duration(SHORTEST_INTERVAL_MS, LONGEST_INTERVAL_MS, "a time from 1s on"), "10m"),
      timeout: v.optional(duration(1, LONGEST_TIMEOUT_MS, "a time of at most 30s"), "10s"),
      env: v.optional(
        v.record(
          variable("expected the name of a variable"),
          v.union([v.string(), v.strictObject({ env: variable("expected the name of a variable") })], whatEnv),
          whatEnv,
        ),
        {},
      ),
    },
    "expected { command, format, property, refreshInterval, timeout, env }, and command at least",
  ),
  v.forward(
    v.check(({ format, property }) => property === undefined || format === "json", "property goes with format: json"),
    ["property"],
  ),
);

export type ExecFormat = (typeof formats)[number];
/** As the schema gives it: defaults filled in, times in milliseconds. */
export type ExecRef = v.InferOutput<typeof refSchema>;

/** As agentgateway writes them: `500ms`, `10s`, `1h30m`. To milliseconds. */
function duration(shortestMs: number, longestMs: number, what: string) {
  const message = `expected ${what}, such as 10s or 1h30m`;
  return v.pipe(
    v.string(message),
    v.regex(/^(?:\d{1,9}(?:\.\d{1,9})?(?:ms|s|m|h|d)){1,5}$/, message),
    v.transform(milliseconds),
    v.minValue(shortestMs, message),
    v.maxValue(longestMs, message),
  );
}

function milliseconds(text: string): number {
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)([a-z]+)/g)) sum += Number(amount) * (unitMs[unit ?? ""] ?? 0);
  return Math.ceil(sum);
}
