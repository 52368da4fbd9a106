/** Certificates that are out of date or soon will be, and private keys that others may read. */
import type { X509Certificate } from "node:crypto";
import { realpath, stat } from "node:fs/promises";
import type { Loaded } from "../load/load.ts";
import { certificatesIn } from "../load/pem-files.ts";
import type { LoadedPem } from "../load/tls-files.ts";
import type { Finding } from "./finding.ts";

export interface CertificateSurroundings {
  readonly platform: NodeJS.Platform;
  readonly now: () => number;
}

const SOON_MS = 30 * 24 * 60 * 60 * 1000;
const OTHERS_READ = 0o004;

export async function certificateFindings(
  { pems, placeOf }: Pick<Loaded, "pems" | "placeOf">,
  { platform, now }: CertificateSurroundings,
): Promise<Finding[]> {
  const findings = await Promise.all(
    pems.map(async (pem) => [
      ...expiry(pem, placeOf, now()),
      // The mode is made up on Windows.
      ...(platform === "win32" ? [] : await readable(pem, placeOf)),
    ]),
  );
  // Several places may name one file.
  const seen = new Set<string>();
  return findings.flat().filter(({ code, message }) => !seen.has(code + message) && seen.add(code + message));
}

function expiry({ files, path }: LoadedPem, placeOf: Loaded["placeOf"], now: number): Finding[] {
  const { cert } = files.current;
  const [first] = (cert === undefined ? [] : certificatesIn(cert)).toSorted((one, other) => end(one) - end(other));
  if (first === undefined || end(first) > now + SOON_MS) return [];
  const isOver = end(first) <= now;
  return [
    {
      severity: isOver ? "error" : "warning",
      ...(isOver ? { code: "CERTIFICATE_EXPIRED" } : { code: "CERTIFICATE_EXPIRING" }),
      place: placeOf([...path, "cert"]),
      message: `a certificate in ${files.paths.cert} ${isOver ? "has expired" : "expires within 30 days"}`,
      found: `valid until ${first.validToDate.toISOString()}`,
      fix: "put a new one, with its key, into the same files: it is used without a restart",
    },
  ];
}

function end({ validToDate }: X509Certificate): number {
  return validToDate.getTime();
}

async function readable({ files, path }: LoadedPem, placeOf: Loaded["placeOf"]): Promise<Finding[]> {
  const key = files.paths.key;
  const mode = key === undefined ? undefined : (await stat(key).catch(() => undefined))?.mode;
  if (key === undefined || mode === undefined || (mode & OTHERS_READ) === 0 || (await isMounted(key))) return [];
  return [
    {
      severity: "warning",
      code: "TLS_KEY_READABLE",
      place: placeOf([...path, "key"]),
      message: `every user of this machine may read the private key ${key}`,
      fix: `chmod 600 ${key}`,
    },
  ];
}

/** Docker and Kubernetes mount secrets world-readable, for a container with one user, and there chmod does not work. */
async function isMounted(path: string): Promise<boolean> {
  const real = await realpath(path).catch(() => path);
  return [path, real].some((name) => /^(?:\/var)?\/run\/secrets\/|\/\.\.\d{4}_[^/]*\//.test(name));
}
