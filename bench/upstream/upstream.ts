/** The upstream's process, seen from the benchmark. */
import { spawnSync } from "node:child_process";
import { appendFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startChild } from "../measure/child.ts";
import type { AnswerMode, Arrival, UpstreamCommand, UpstreamReply } from "./contract.ts";

export interface Upstream {
  readonly port: number;
  /** Undefined: there is no `openssl` to make a certificate. */
  readonly tls: UpstreamTls | undefined;
  answerWith(mode: AnswerMode): Promise<void>;
  /** The request that arrives while `act` runs. */
  arrivalDuring(act: () => Promise<unknown>): Promise<Arrival>;
  stop(): Promise<void>;
}

/** The same answers over TLS, with a certificate for `localhost` that stands for itself. */
export interface UpstreamTls {
  readonly port: number;
  readonly certificateFile: string;
}

/** `scratch`: an empty folder for a certificate. */
export async function startUpstream(core: number | undefined, scratch: string): Promise<Upstream> {
  const certificateFile = makeCertificate(scratch);
  const given = certificateFile === undefined ? [] : [certificateFile];
  const script = join(import.meta.dirname, "server.ts");
  const child = await startChild<UpstreamCommand, UpstreamReply>(script, core, ...given);
  if (!("port" in child.greeting)) throw new Error("the upstream did not tell its port");
  const { port, tlsPort } = child.greeting;
  return {
    port,
    tls: tlsPort === undefined || certificateFile === undefined ? undefined : { port: tlsPort, certificateFile },
    async answerWith(mode) {
      await child.ask({ kind: "answer", mode });
    },
    async arrivalDuring(act) {
      await child.ask({ kind: "keep" });
      await act();
      const reply = await child.ask({ kind: "kept" });
      if (!("arrival" in reply)) throw new Error("the upstream told of no request");
      return reply.arrival;
    },
    stop: () => child.stop(),
  };
}

/** Certificate and key in one file; undefined: openssl is missing. */
function makeCertificate(folder: string): string | undefined {
  const file = join(folder, "upstream.pem");
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const { status } = spawnSync("openssl", [
    "req",
    "-x509",
    ...curve,
    "-nodes",
    "-days",
    "2",
    ...names,
    "-keyout",
    file,
    "-out",
    `${file}.crt`,
  ]);
  if (status !== 0) return undefined;
  appendFileSync(file, readFileSync(`${file}.crt`));
  return file;
}
