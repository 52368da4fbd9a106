/** Configs whose version an answer tells, and the ways in which a file is replaced. */
import { renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Keybearer } from "./keybearer.ts";

/** One port; it answers with `text` by itself, whatever the path. */
export function answering(text: string | number, port = 0, settings = "{}"): string {
  return `config: ${settings}\nbinds:\n${bindAnswering(text, port)}`;
}

export function bindAnswering(text: string | number, port: number): string {
  return `- port: ${port}
  listeners:
  - routes:
    - policies: { directResponse: { status: 200, body: "${text}" } }
`;
}

export async function textFrom(url: string, signal?: AbortSignal): Promise<string> {
  const answer = await fetch(url, signal ? { signal } : {});
  return answer.text();
}

/** A write beside it, and a rename. */
export function replaceFile(directory: string, name: string, text: string): void {
  writeFileSync(join(directory, `${name}.new`), text);
  renameSync(join(directory, `${name}.new`), join(directory, name));
}

/** As Kubernetes does with `..data`. */
export function swapLink(directory: string, link: string, target: string): void {
  symlinkSync(target, join(directory, `${link}.new`));
  renameSync(join(directory, `${link}.new`), join(directory, link));
}

export interface Status {
  readonly state: string;
  readonly loadedAt: string;
  readonly errors: readonly string[];
  readonly needsRestart: readonly string[];
}

export async function configStatus({ urls }: Pick<Keybearer, "urls">): Promise<Status> {
  return (await fetch(`${urls.admin}/config/status`)).json() as Promise<Status>;
}

/** Has the config read again, and waits until it serves or is refused. */
export function postReload(admin: string): Promise<Response> {
  return fetch(`${admin}/config/reload`, { method: "POST", headers: { "x-keybearer-admin": "1" } });
}

/** The next line of the log that tells of a reload which ended well, or of one that did not. */
export async function nextReload(keybearer: Keybearer, change: () => void): Promise<string> {
  const ends = /the config was reloaded|the config was read again|the last good config stays/g;
  const before = keybearer.stderr.match(ends)?.length ?? 0;
  change();
  const [text] = await keybearer.said("stderr", new RegExp(`(?:[^]*?(?:${ends.source})){${before + 1}}[^\\n]*`));
  return text.split("\n").at(-1) ?? "";
}

export async function synchronized({ urls }: Pick<Keybearer, "urls">): Promise<string | undefined> {
  const metrics = await textFrom(`${urls.stats}/metrics`);
  return /^agentgateway_config_synchronized (\d)$/m.exec(metrics)?.[1];
}
