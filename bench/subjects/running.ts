/** A subject as a process: started, waited for, stopped. */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { onCores } from "../measure/cores.ts";
import { AnswerError } from "../load/answer-reader.ts";
import { askOnce } from "../load/ask-once.ts";
import { chatRequest, httpRequest } from "../upstream/payloads.ts";
import type { Subject } from "./subject.ts";

export interface Running {
  readonly subject: Subject;
  readonly pid: number;
  readonly port: number;
  /** From the start of the process to its first answer. */
  readonly startMs: number;
  request(body: Uint8Array): Buffer;
  /** Once it answers, however often that takes. */
  answers(): Promise<void>;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly scratch: string;
  readonly upstreamPort: number;
  readonly upstreamCertificate?: string | undefined;
  readonly cores: readonly (number | undefined)[];
  readonly workers?: number;
}

const ANSWER_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 10_000;
const hello = chatRequest(200);

/** Throws when it ends or does not answer. The upstream answers with JSON meanwhile. */
export async function startSubject(subject: Subject, options: StartOptions): Promise<Running> {
  const { scratch, upstreamPort, upstreamCertificate, cores, workers = 1 } = options;
  const folder = mkdtempSync(join(scratch, `${subject.name}-`));
  const place = { folder, port: await freePort(), upstreamPort, upstreamCertificate, workers };
  const { command, env } = subject.prepare(place);
  const headers = subject.headers?.(place) ?? {};
  const output = openSync(join(folder, "output"), "a");
  const [file = "", ...words] = onCores(cores, command);
  const start = performance.now();
  const child = spawn(file, words, {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  const running = {
    subject,
    pid: child.pid ?? 0,
    port: place.port,
    request: (body: Uint8Array) => httpRequest(place.port, body, headers),
    answers: () => answered(child, place.port, running.request(hello)),
    stop: () => end(child),
  };
  try {
    await running.answers();
    return { ...running, startMs: performance.now() - start };
  } catch (error) {
    await end(child);
    const said = readFileSync(join(folder, "output"), "utf8").slice(-2_000);
    throw new Error(`${subject.name} did not start: ${String(error)}\n${said}`, { cause: error });
  }
}

async function answered(child: ChildProcess, port: number, request: Uint8Array): Promise<void> {
  const deadline = performance.now() + ANSWER_DEADLINE_MS;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}`);
    try {
      await askOnce(port, request);
      return;
    } catch (error) {
      if (error instanceof AnswerError || performance.now() > deadline) throw error;
      await wait(1);
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_DEADLINE_MS);
  await ended;
  clearTimeout(timer);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address ? address.port : 0;
}
