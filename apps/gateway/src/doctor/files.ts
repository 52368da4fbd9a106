/** The files that a config lives in and names: who may read and write them, whether git keeps them, how they are mounted. */
import { lstat, readFile, realpath, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { KeyReference } from "@keybearer/config";
import type { Loaded } from "../load/load.ts";
import type { Finding } from "./finding.ts";
import { isInGitIndex } from "./git-index.ts";
import { isMountPoint } from "./mounts.ts";

export interface FilePlaces {
  /** The config's own; undefined: it came from no file. */
  readonly configPath: string | undefined;
  /** As messages name it. */
  readonly configName: string;
  /** As they were named; they count from the last of the directories. */
  readonly envFiles: readonly string[];
  /** Where relative paths are looked up, in order. */
  readonly directories: readonly string[];
  readonly platform: NodeJS.Platform;
}

interface NamedFile {
  readonly path: string;
  readonly place: string;
}

const OTHERS_READ = 0o004;
const OTHERS_WRITE = 0o002;

export async function fileFindings(loaded: Loaded, places: FilePlaces): Promise<Finding[]> {
  const mounts = places.platform === "linux" ? await readFile("/proc/self/mountinfo", "utf8").catch(() => "") : "";
  const keyFiles = await keyFilesOf(loaded, places.directories);
  const { configPath: path, configName, directories, envFiles, platform } = places;
  const config = path === undefined ? undefined : { path, place: configName };
  const environments = envFiles.map((name) => ({ path: resolve(directories.at(-1) ?? "", name), place: name }));
  // Where inline keys stand that look real: samples are nobody's secret.
  const holdsKeys = loaded.keys.some(({ notices }) => notices.some(({ code }) => code === "SECRET_INLINE"));
  const findings = await Promise.all([
    ...(config ? [modeFindings(config, "config", holdsKeys, platform)] : []),
    ...environments.map((file) => modeFindings(file, "environment", true, platform)),
    ...(config && holdsKeys ? [committed(config, "git keeps this config, and keys are in it")] : []),
    ...keyFiles.map((file) => committed(file, `git keeps the key's file ${file.path}`)),
    ...environments.map((file) => committed(file, `git keeps the env file ${file.path}`)),
    ...[...(config ? [config] : []), ...environments, ...keyFiles].map((file) => mountedAlone(file, mounts)),
  ]);
  return findings.flat();
}

const readable = {
  config: {
    code: "CONFIG_READABLE",
    message: "every user of this machine may read the config, and keys are in it",
    more: "; better, keep keys in files of their own",
  },
  environment: {
    code: "ENV_FILE_READABLE",
    message: "every user of this machine may read the env file, and keys are in it",
    more: "",
  },
};
const writable = {
  config: {
    code: "CONFIG_WRITABLE",
    message: "every user of this machine may write the config, and so choose where keys go",
  },
  environment: {
    code: "ENV_FILE_WRITABLE",
    message: "every user of this machine may write the env file, and so choose whose keys pay",
  },
};

async function modeFindings(
  { path, place }: NamedFile,
  kind: "config" | "environment",
  holdsKeys: boolean,
  platform: string,
): Promise<Finding[]> {
  // The mode is made up on Windows.
  const mode = platform === "win32" ? undefined : (await stat(path).catch(() => undefined))?.mode;
  if (mode === undefined) return [];
  const findings: Finding[] = [];
  if ((mode & OTHERS_READ) !== 0 && holdsKeys) {
    const { code, message, more } = readable[kind];
    findings.push({ severity: "warning", code, place, message, fix: `chmod 600 ${path}${more}` });
  }
  if ((mode & OTHERS_WRITE) !== 0) {
    findings.push({ severity: "warning", ...writable[kind], place, fix: `chmod o-w ${path}` });
  }
  return findings;
}

async function committed({ path, place }: NamedFile, message: string): Promise<Finding[]> {
  if (!(await isInGitIndex(path))) return [];
  return [
    {
      severity: "error",
      code: "KEY_COMMITTED",
      place,
      message: `${message}: whoever has the repository has the key, in its history as well`,
      fix: "make a new key and revoke this one; then git rm --cached, and name the file in .gitignore",
    },
  ];
}

async function mountedAlone({ path, place }: NamedFile, mounts: string): Promise<Finding[]> {
  const real = await realpath(path).catch(() => path);
  if (!isMountPoint(mounts, real)) return [];
  return [
    {
      severity: "warning",
      code: "SINGLE_FILE_MOUNT",
      place,
      message: `${path} is mounted as a single file: when it is replaced outside, the old one stays here`,
      fix: "mount the directory that it is in",
    },
  ];
}

/** The places where sources of the word `file` look, and private keys of certificates; each file once. */
async function keyFilesOf(
  { credentials, pems, placeOf }: Loaded,
  directories: readonly string[],
): Promise<NamedFile[]> {
  const members = credentials.flatMap((each) => (each.kind === "keyring" ? each.keys : []));
  const references = members.flatMap(({ reference, previous }): KeyReference[] => [
    reference,
    ...(previous ? [previous] : []),
  ]);
  const files = new Map<string, NamedFile>();
  for (const { source, ref, path } of references) {
    if (source !== "file" || typeof ref !== "string") continue;
    const found = await firstThere(directories.map((directory) => resolve(directory, ref)));
    if (found !== undefined && !files.has(found)) files.set(found, { path: found, place: placeOf(path) });
  }
  for (const { files: pem, path } of pems) {
    const { key } = pem.paths;
    if (key !== undefined && !files.has(key)) files.set(key, { path: key, place: placeOf([...path, "key"]) });
  }
  return [...files.values()];
}

async function firstThere(candidates: readonly string[]): Promise<string | undefined> {
  for (const candidate of candidates) {
    if (await lstat(candidate).catch(() => undefined)) return candidate;
  }
  return undefined;
}
