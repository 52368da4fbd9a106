/** Opens one key outside a gateway. */
import { systemClock } from "./clock.ts";
import type { Clock, Env, Notice, SecretHandle, SecretSource, SourceContext } from "./contract.ts";
import { SecretError } from "./errors.ts";
import { createSeal } from "./seal.ts";
import type { StandardIssue } from "./standard-schema.ts";

export interface OpenSecretOptions {
  /** Where relative paths are looked up, in order. The working directory by default. */
  readonly baseDirectories?: readonly string[] | undefined;
  /** Empty by default; pass `process.env` to let it be read, or an Env that tells of changes. */
  readonly env?: Env | Readonly<Record<string, string | undefined>> | undefined;
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly fingerprintKey?: string | undefined;
  /** Failures after the first read. Dropped by default: `status()` still tells of them. */
  report?(error: unknown): void;
  /** Dropped by default. */
  warn?(notice: Notice): void;
}

/**
 * Takes what stands after `key:` and its word in YAML: what the source's schema accepts, or a bare string that the source
 * claims. Throws SecretError; SECRET_MALFORMED if neither fits.
 */
export async function openSecret<Ref>(
  source: SecretSource<Ref>,
  ref: unknown,
  options: OpenSecretOptions = {},
): Promise<SecretHandle> {
  const claimed = typeof ref === "string" ? source.scalar?.(ref) : undefined;
  return source.open(claimed ?? (await validate(source, ref)), sourceContext(source.name, options));
}

async function validate<Ref>(source: SecretSource<Ref>, ref: unknown): Promise<Ref> {
  const result = await source.schema["~standard"].validate(ref);
  if (result.issues === undefined) return result.value;
  throw new SecretError("SECRET_MALFORMED", source.name, result.issues.map(describe).join("; "));
}

function describe(issue: StandardIssue): string {
  const path = (issue.path ?? []).map((step) => String(typeof step === "object" ? step.key : step)).join(".");
  return path === "" ? issue.message : `${path}: ${issue.message}`;
}

function sourceContext(source: string, options: OpenSecretOptions): SourceContext {
  const { env = {}, clock = systemClock } = options;
  return {
    baseDirectories: options.baseDirectories ?? [process.cwd()],
    env: isEnv(env) ? env : { get: (name) => (Object.hasOwn(env, name) ? env[name] : undefined) },
    clock,
    signal: options.signal ?? new AbortController().signal,
    report: (error) => options.report?.(error),
    warn: (notice) => options.warn?.(notice),
    seal: createSeal({ source, clock, fingerprintKey: options.fingerprintKey }),
  };
}

/** A variable may be called `get`, but none is a function. */
function isEnv(env: Env | Readonly<Record<string, string | undefined>>): env is Env {
  return typeof env["get"] === "function";
}
