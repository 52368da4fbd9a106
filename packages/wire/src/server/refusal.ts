/** The last answer of a connection on which no request is understood. */
import { AnswerHead, CLOSE_LINE } from "./answer-head.ts";
import type { Refusal } from "./contract.ts";

export function refusalBytes({ status, headers, body }: Refusal): Buffer {
  const bytes = Buffer.from(body);
  const head = new AnswerHead();
  head.read(status, headers);
  return Buffer.concat([Buffer.from(head.format(`content-length: ${bytes.length}\r\n`, CLOSE_LINE), "latin1"), bytes]);
}
