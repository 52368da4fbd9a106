import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { PemFiles } from "../load/pem-files.ts";
import { certificateFindings } from "./certificates.ts";

const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;
const DAY_MS = 24 * 60 * 60 * 1000;

test.skipIf(!hasOpenssl)("a certificate is told 30 days before it expires, and as an error afterwards", async () => {
  const directory = mkdtempSync(join(tmpdir(), "keybearer-certificates-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const made = ["-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=a.test", "-days", "90"];
  execFileSync("openssl", ["req", "-x509", ...curve, ...made], { cwd: directory, stdio: "pipe" });
  const files = await PemFiles.open({
    files: { cert: "cert.pem", key: "key.pem" },
    directories: [directory],
    check: () => undefined,
    report: () => undefined,
    renewed: () => undefined,
  });
  onTestFinished(() => files[Symbol.asyncDispose]());
  const pems = [1, 2].map(() => ({ id: "one", files, use: "listener" as const, path: ["binds"] }));
  const made90 = Date.now();
  const after = async (days: number): Promise<string[]> => {
    const around = { platform: process.platform, now: () => made90 + days * DAY_MS };
    const findings = await certificateFindings({ pems, placeOf: () => "config.yaml:1:1" }, around);
    return findings.map(({ severity, code }) => `${severity} ${code}`);
  };
  expect(await after(59)).toEqual([]);
  expect(await after(61)).toEqual(["warning CERTIFICATE_EXPIRING"]);
  expect(await after(91)).toEqual(["error CERTIFICATE_EXPIRED"]);
});
