/** A subject that is started, checked and warm. */
import type { Target } from "../load/contract.ts";
import { startSubject, type Running } from "../subjects/running.ts";
import type { Subject } from "../subjects/subject.ts";
import type { AnswerMode } from "../upstream/contract.ts";
import { checkSubject } from "./check.ts";
import type { Bench } from "./scenario.ts";

export interface Contender {
  readonly running: Running;
  readonly request: Buffer;
  readonly expected: Buffer | undefined;
}

export interface Question {
  readonly mode: AnswerMode;
  readonly body: Buffer;
  /** How many answers the compiler of a language like ours has to see until it has done its best. */
  readonly warmUpAnswers: number;
  /** What the upstream answers meanwhile, where the mode is too slow for that. */
  readonly warmUpMode?: AnswerMode;
  /** The subject speaks TLS to the upstream. */
  readonly secures?: boolean;
}

export const CONNECTIONS = 64;

/** Throws, and leaves nothing running, when it does not start or answers wrongly. */
export async function startContender(
  bench: Bench,
  subject: Subject,
  question: Question,
  count: 1 | 2 = 1,
): Promise<Contender> {
  const { scratch, upstream, load, cores, warmUpSeconds, warmUpShare } = bench;
  const { mode, body, warmUpAnswers, warmUpMode = mode, secures = false } = question;
  const tls = secures ? upstream.tls : undefined;
  if (secures && !(tls && subject.securesUpstream)) throw new Error("no openssl, or no config for TLS to the upstream");
  await upstream.answerWith({ kind: "json" });
  const running = await startSubject(subject, {
    scratch,
    upstreamPort: tls?.port ?? upstream.port,
    upstreamCertificate: tls?.certificateFile,
    workers: count,
    cores: count === 1 ? [cores.subject] : [cores.subject, cores.second],
  });
  try {
    await upstream.answerWith(warmUpMode);
    const expected = await checkSubject(bench, running, body);
    const contender = { running, request: running.request(body), expected };
    await load.on(targetOf(contender, CONNECTIONS), (connections) =>
      connections.closedLoop(warmUpSeconds, warmUpAnswers * warmUpShare),
    );
    await upstream.answerWith(mode);
    return contender;
  } catch (error) {
    await running.stop();
    throw error;
  }
}

export function targetOf({ running, request, expected }: Contender, connections: number): Target {
  return { port: running.port, connections, request, ...(expected && { expected }) };
}
