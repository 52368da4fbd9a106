/** What leaves a process by ways that no code of ours takes: standard streams, an error that nobody caught, Node's reports. */
import type { WriteStream } from "node:tty";
import { stackOf } from "./errors.ts";
import { knownKeys } from "./known-keys.ts";

type Stream = Pick<WriteStream, "write">;

/** Whatever writes to it: we, a module's `console`, a thread's. */
export function scrubStream(stream: Stream): void {
  const write: (chunk: string | Uint8Array, ...rest: never[]) => boolean = stream.write.bind(stream);
  stream.write = (chunk: string | Uint8Array, ...rest: never[]): boolean => write(scrubChunk(chunk), ...rest);
}

/** Ends the process as Node would, with an error that quotes no key, in its report too. */
export function endOnUncaughtError(): void {
  process.on("uncaughtException", (error: unknown) => {
    const stack = knownKeys.scrubForeign(stackOf(error));
    if (process.report.reportOnUncaughtException) process.report.writeReport(withStack(stack));
    process.stderr.write(`keybearer: nobody caught this error, of keybearer or of a module that it runs:\n${stack}\n`);
    process.exit(1);
  });
}

/** The variables of the process hold keys, and Node's reports list them; for each thread anew. */
export function keepEnvironmentOutOfReports(): void {
  process.report.excludeEnv = true;
}

function scrubChunk(chunk: string | Uint8Array): string | Uint8Array {
  if (typeof chunk === "string") return knownKeys.scrub(chunk);
  const text = Buffer.from(chunk).toString("latin1");
  const scrubbed = knownKeys.scrub(text);
  return scrubbed === text ? chunk : Buffer.from(scrubbed, "latin1");
}

function withStack(stack: string): Error {
  const error = new Error(stack.split("\n", 1)[0]);
  error.stack = stack;
  return error;
}
