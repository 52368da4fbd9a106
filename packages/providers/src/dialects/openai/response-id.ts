/** Reads the id of a response out of an answer that passes: a later request may go on from it. */
import type { AnswerScanner } from "../../contract.ts";
import { asBuffer } from "./as-buffer.ts";
import { member, MemberSearch, stringReader } from "./member-search.ts";

const idMember = member("id", '"');
const objectMember = member("object", '"');

/**
 * `found` is called once, as soon as the id has passed: in a JSON text the first `id`, in a stream that of
 * `response.created`. Never for an answer that is no `response`, such as a compaction or an error.
 */
export function responseIdScanner(found: (id: string) => void): AnswerScanner {
  let id: string | undefined;
  let kind: string | undefined;
  const ids = new MemberSearch(
    idMember,
    stringReader((text) => (id = text) !== undefined),
  );
  const kinds = new MemberSearch(
    objectMember,
    stringReader((text) => (kind = text) !== undefined),
  );
  let isOver = false;
  return {
    push(chunk) {
      if (isOver) return;
      const bytes = asBuffer(chunk);
      ids.push(bytes);
      kinds.push(bytes);
      if (id === undefined || kind === undefined) return;
      isOver = true;
      if (id !== "" && kind === "response") found(id);
    },
  };
}
