/** An authority of our own and certificates that it signed, made with openssl. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { isIP } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Whether there is one on the PATH. */
export const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

/** Both PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  /** Its own certificate. */
  readonly ca: string;
  /** For a server of these hosts; of a client, whose name is the first. */
  sign(...names: readonly string[]): Pair;
}

/** Valid for two days. `hasOpenssl` tells whether it can be had; throws what openssl has to say. */
export function createAuthority(name = "an authority"): Authority {
  const own = inDirectory((openssl, file) => {
    openssl("req", "-x509", ...newKey("key"), "-days", "2", "-subj", `/CN=${name}`, "-out", "cert");
    return { cert: readFileSync(file("cert"), "utf8"), key: readFileSync(file("key"), "utf8") };
  });
  return {
    ca: own.cert,
    sign: (...names) =>
      inDirectory((openssl, file) => {
        writeFileSync(file("ca.pem"), own.cert);
        writeFileSync(file("ca.key"), own.key);
        writeFileSync(file("ext"), `subjectAltName=${names.map(alternative).join(",")}\n`);
        openssl("req", "-new", ...newKey("key"), "-subj", `/CN=${names[0]}`, "-out", "csr");
        const signer = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
        openssl("x509", "-req", "-in", "csr", ...signer, "-days", "2", "-extfile", "ext", "-out", "cert");
        return { cert: readFileSync(file("cert"), "utf8"), key: readFileSync(file("key"), "utf8") };
      }),
  };
}

function alternative(name: string): string {
  return isIP(name) === 0 ? `DNS:${name}` : `IP:${name}`;
}

function newKey(file: string): string[] {
  return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file];
}

function inDirectory(make: (openssl: (...args: string[]) => void, file: (name: string) => string) => Pair): Pair {
  const directory = mkdtempSync(join(tmpdir(), "keybearer-certificates-"));
  try {
    return make(
      (...args) => void execFileSync("openssl", args, { cwd: directory, stdio: "pipe" }),
      (name) => join(directory, name),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
}
