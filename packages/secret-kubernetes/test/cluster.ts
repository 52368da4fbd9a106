/** A stand-in cluster for one test, and a kubeconfig that leads to it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSecret, type OpenSecretOptions, SecretError, type SecretHandle } from "@keybearer/secrets";
import { fakeClock, type FakeClock } from "@keybearer/secrets/testing";
import { onTestFinished } from "vitest";
import { createKubernetesSource } from "../src/index.ts";
import { type ApiServer, type ApiServerOptions, startApiServer } from "./api-server.ts";

/** Watches are asked for 60 s, waits have their shortest length. */
const source = createKubernetesSource({ random: () => 0 });

export async function cluster(options?: ApiServerOptions): Promise<ApiServer> {
  const api = await startApiServer(options);
  onTestFinished(() => api.close());
  return api;
}

/** A directory that is gone after the test, with these files in it. */
export function directoryOf(files: Readonly<Record<string, string>> = {}): string {
  const directory = mkdtempSync(join(tmpdir(), "keybearer-kubernetes-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  return directory;
}

export interface KubeconfigParts {
  readonly server: string;
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
  readonly namespace?: string;
  /** Of the context, the cluster and the user; `main` by default. */
  readonly name?: string;
}

/** JSON is YAML. */
export function kubeconfigText({ server, cluster, user = {}, namespace, name = "main" }: KubeconfigParts): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [{ name, cluster: { server, ...cluster } }],
    contexts: [{ name, context: { cluster: name, user: name, ...(namespace === undefined ? {} : { namespace }) } }],
    users: [{ name, user }],
  });
}

export function kubeconfig(parts: KubeconfigParts, more: Readonly<Record<string, string>> = {}): string {
  return join(directoryOf({ config: kubeconfigText(parts), ...more }), "config");
}

/** Where this stand-in is, and whom to believe that it is the one. */
export function partsOf({ url, authority }: ApiServer): KubeconfigParts {
  if (authority === undefined) return { server: url };
  const cluster = { "certificate-authority-data": Buffer.from(authority).toString("base64") };
  return { server: url, cluster };
}

export interface Opened {
  readonly handle: SecretHandle;
  readonly reports: SecretError[];
  /** Resolves at the next report. */
  readonly nextReport: () => Promise<SecretError>;
  /** Resolves with the value of the next version. */
  readonly next: () => Promise<string>;
}

/** `ai/openai-secret` of this cluster; disposed of after the test. */
export async function open(
  api: ApiServer,
  ref: Readonly<Record<string, unknown>> = {},
  options: OpenSecretOptions = {},
  user: Readonly<Record<string, unknown>> = {},
): Promise<Opened> {
  const path = kubeconfig({ ...partsOf(api), user });
  const reports: SecretError[] = [];
  const waiting = new Set<(error: SecretError) => void>();
  const report = (error: unknown): void => {
    if (!SecretError.is(error)) throw new TypeError("expected a SecretError", { cause: error });
    reports.push(error);
    for (const resolve of waiting) resolve(error);
    waiting.clear();
  };
  const whole = { name: "openai-secret", namespace: "ai", kubeconfig: path, ...ref };
  const handle = await openSecret(source, whole, { report, ...options });
  onTestFinished(() => handle[Symbol.asyncDispose]());
  return {
    handle,
    reports,
    nextReport: () => new Promise((resolve) => waiting.add(resolve)),
    next: () =>
      new Promise((resolve) => {
        const leave = handle.subscribe((version) => {
          leave();
          resolve(version.secret.reveal());
        });
      }),
  };
}

export async function failure(
  api: ApiServer,
  ref: Readonly<Record<string, unknown>> = {},
  user: Readonly<Record<string, unknown>> = {},
): Promise<SecretError> {
  try {
    await open(api, ref, {}, user);
  } catch (error) {
    if (SecretError.is(error)) return error;
    throw error;
  }
  throw new Error("expected a SecretError");
}

export interface WatchedClock extends FakeClock {
  /** Resolves when somebody begins to wait for exactly so long. */
  waiting(delayMs: number): Promise<void>;
}

/** Stands still until the test moves it, and tells of waits that begin. */
export function watchedClock(): WatchedClock {
  const clock = fakeClock();
  const expected = new Map<number, () => void>();
  return {
    ...clock,
    after(delayMs, callback) {
      const cancel = clock.after(delayMs, callback);
      expected.get(delayMs)?.();
      return cancel;
    },
    waiting: (delayMs) => new Promise((resolve) => expected.set(delayMs, resolve)),
  };
}
