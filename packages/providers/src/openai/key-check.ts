/** What `GET /v1/models` tells of a key: it costs nothing, and any key that is good may list models. */
import type { Failure } from "@keybearer/secrets";
import type { Certainty, KeyCheck, KeyVerdict } from "../contract.ts";
import { classifyFailure } from "../failures/classify.ts";
import { failureRules } from "../failures/rules/index.ts";
import type { HeaderList } from "../headers.ts";

export const openAIKeyCheck: KeyCheck = { method: "GET", path: "/models", judge };

/** Authenticates and may generate, by what the failure means. A limit or an empty account is a good key's. */
const meaning: Readonly<Record<Failure["class"], readonly [authenticates: Certainty, mayGenerate: Certainty]>> = {
  keyInvalid: ["no", "no"],
  // This call has no other reason to be refused: there is no model in it and nothing that a caller wrote.
  suspected: ["no", "no"],
  notAllowed: ["yes", "unknown"],
  outOfMoney: ["yes", "no"],
  limited: ["yes", "unknown"],
  overloaded: ["unknown", "unknown"],
  callersFault: ["unknown", "unknown"],
  network: ["unknown", "unknown"],
};

function judge(status: number, headers: HeaderList, body: string): KeyVerdict {
  if (status >= 200 && status < 300) return judgeList(status, body);
  if (status < 400) return unknown(`status ${status}: it points elsewhere, and a key follows no redirect`);
  const failure = classifyFailure({ provider: "openai", status, headers, body, now: 0 });
  if (failure.class === "callersFault" || failure.rule === "model-not-found")
    return unknown(`status ${status}: there is no list of models at this address`);
  const [authenticates, mayGenerate] = meaning[failure.class];
  const note = failureRules.find(({ name }) => name === failure.rule)?.note;
  const says = failure.class === "suspected" ? "The key is refused." : (note ?? "");
  return { authenticates, mayGenerate, detail: `status ${status}, ${failure.rule}: ${says}` };
}

/** A page of a portal or a proxy is 200 as well. */
function judgeList(status: number, body: string): KeyVerdict {
  if (!isModelList(body)) return unknown(`status ${status}, and the answer is no list of models`);
  return { authenticates: "yes", mayGenerate: "unknown", detail: "it may list models" };
}

function isModelList(body: string): boolean {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === "object" && value !== null && "data" in value && Array.isArray(value.data);
  } catch {
    return false;
  }
}

function unknown(detail: string): KeyVerdict {
  return { authenticates: "unknown", mayGenerate: "unknown", detail };
}
