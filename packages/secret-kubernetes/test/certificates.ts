/** An authority of our own, a server's certificate for 127.0.0.1, and a client's, made with openssl. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const hasOpenssl = spawnSync("openssl", ["version"]).status === 0;

export interface Certificates {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  /** Of the user `keybearer`. */
  readonly client: { readonly cert: string; readonly key: string };
}

export function makeCertificates(name = "127.0.0.1"): Certificates {
  const directory = mkdtempSync(join(tmpdir(), "keybearer-certificates-"));
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: directory, stdio: "pipe" });
  const read = (file: string) => readFileSync(join(directory, file), "utf8");
  const key = (file: string) => ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file];
  const sign = (file: string, subject: string, extension: string) => {
    writeFileSync(join(directory, `${file}.ext`), extension);
    openssl("req", "-new", ...key(`${file}.key`), "-subj", `/CN=${subject}`, "-out", `${file}.csr`);
    const ca = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    openssl(
      "x509",
      "-req",
      "-in",
      `${file}.csr`,
      ...ca,
      "-days",
      "2",
      "-extfile",
      `${file}.ext`,
      "-out",
      `${file}.pem`,
    );
    return { cert: read(`${file}.pem`), key: read(`${file}.key`) };
  };
  try {
    openssl("req", "-x509", ...key("ca.key"), "-days", "2", "-subj", "/CN=stand-in", "-out", "ca.pem");
    const alternative = /^[\d.]+$/.test(name) ? `IP:${name}` : `DNS:${name}`;
    return {
      ca: read("ca.pem"),
      server: sign("server", name, `subjectAltName=${alternative}\n`),
      client: sign("client", "keybearer", "extendedKeyUsage=clientAuth\n"),
    };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
