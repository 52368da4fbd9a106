/** Whose fault was it? The first rule of the table that fits an answer tells. */
import type { Failure } from "@keybearer/secrets";
import type { HeaderList } from "../headers.ts";
import { readErrorBody, type ErrorDetails } from "./error-body.ts";
import type { FailureClass, FailureRule, StatusRange } from "./failure.ts";
import { inBandStatus } from "./in-band.ts";
import { failureRules } from "./rules/index.ts";
import { readWait } from "./waits.ts";

export interface FailedAnswer {
  /** The provider's YAML word or its name in metrics; case does not matter. */
  readonly provider: string;
  /** 0: no answer came. Below 400: the error came inside an answer that began well. */
  readonly status: number;
  readonly headers: HeaderList;
  /** The first 64 KiB, or the data of an error event. */
  readonly body: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** The longest waits. A limit by the day is believed for a day; any other answer that says so is asked again sooner. */
const longestWaitMs: Readonly<Record<FailureClass, number>> = {
  keyInvalid: hour,
  notAllowed: hour,
  outOfMoney: hour,
  limited: 10 * minute,
  overloaded: minute,
  callersFault: 0,
  network: minute,
  suspected: 10 * minute,
};

/** Never throws, whatever the answer holds. */
export function classifyFailure(answer: FailedAnswer): Failure {
  const error = errorOf(answer);
  const status = statusOf(answer, error);
  const provider = answer.provider.toLowerCase();
  const rule = failureRules.find((each) => matches(each, provider, status, error)) ?? unknown;
  const waitMs = waitOf(rule, answer, error);
  return {
    class: rule.class,
    scope: rule.scope,
    ...(waitMs === undefined ? {} : { waitMs }),
    confirmed: isConfirmed(rule),
    rule: rule.name,
    ...(rule.elsewhere && { elsewhere: true }),
  };
}

/** The answer's; of an error inside an answer that began well, the one that it should have had. Never throws. */
export function failureStatus(answer: Omit<FailedAnswer, "provider" | "now">): number {
  return statusOf(answer, errorOf(answer));
}

function errorOf({ body, headers }: Pick<FailedAnswer, "body" | "headers">): ErrorDetails {
  return readErrorBody(body, headers.get("x-amzn-errortype"));
}

function statusOf({ status }: Pick<FailedAnswer, "status">, error: ErrorDetails): number {
  return status > 0 && status < 400 ? inBandStatus(error) : status;
}

/** Whether a rule goes by what no caller can write: text may quote a request, statuses and codes do not. */
export function isConfirmed(rule: FailureRule): boolean {
  return rule.text === undefined && rule.class !== "suspected";
}

const unknown: FailureRule = {
  name: "unknown",
  class: "overloaded",
  scope: "endpoint",
  note: "An answer that no provider should give.",
};

function matches(rule: FailureRule, provider: string, status: number, error: ErrorDetails): boolean {
  return (
    (rule.providers?.includes(provider) ?? true) &&
    (rule.statuses?.some((range) => holds(range, status)) ?? true) &&
    (rule.html === undefined || error.html) &&
    (rule.codes?.some((code) => hasCode(error, code)) ?? true) &&
    (rule.text?.test(error.message) ?? true)
  );
}

function holds(range: StatusRange, status: number): boolean {
  return typeof range === "number" ? range === status : status >= range[0] && status <= range[1];
}

function hasCode(error: ErrorDetails, code: string): boolean {
  if (code.endsWith("*")) return error.codes.some((each) => each.startsWith(code.slice(0, -1)));
  if (code.startsWith("*")) return error.codes.some((each) => each.endsWith(code.slice(1)));
  return error.codes.includes(code);
}

function waitOf(rule: FailureRule, answer: FailedAnswer, error: ErrorDetails): number | undefined {
  if (rule.class === "callersFault" || rule.class === "keyInvalid") return undefined;
  const longest = isDaily(rule, error) ? day : longestWaitMs[rule.class];
  const wait = rule.class === "notAllowed" ? rule.waitMs : (readWait(answer.headers, error, answer.now) ?? rule.waitMs);
  return wait === undefined ? undefined : Math.min(wait, longest);
}

/** Limits by the day, week or month. */
function isDaily(rule: FailureRule, error: ErrorDetails): boolean {
  if (rule.class !== "limited") return false;
  if (rule.daily === true || error.quotas.some((quota) => quota.includes("PerDay"))) return true;
  return /\bper day\b|\b(?:RPD|TPD)\b|\bdaily\b|\bweekly\b|\bmonthly\b/i.test(error.message);
}
