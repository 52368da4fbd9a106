/** `tls:` of a listener: its certificate, and what callers have to bring. */
import * as v from "valibot";
import type { Path } from "../errors.ts";
import type { ListenerTls, TlsVersion } from "../policy-config.ts";
import { message } from "../problem.ts";
import { atMostOne } from "./choice.ts";
import { fields, may, must, noted } from "./notes.ts";
import { listenerTlsNotYet } from "./unsupported.ts";
import { nonEmptyText, readText } from "./values.ts";

const versions: Readonly<Record<"TLS_V1_2" | "TLS_V1_3", TlsVersion>> = { TLS_V1_2: "TLSv1.2", TLS_V1_3: "TLSv1.3" };
const version = v.picklist(["TLS_V1_2", "TLS_V1_3"]);

/** By IANA's name, OpenSSL's. */
const ciphers: ReadonlyMap<string, string> = new Map([
  ...["AES_256_GCM_SHA384", "AES_128_GCM_SHA256", "CHACHA20_POLY1305_SHA256"].map(
    (name) => [`TLS_${name}`, `TLS_${name}`] as const,
  ),
  ...["ECDSA", "RSA"].flatMap((signature) => [
    [`TLS_ECDHE_${signature}_WITH_AES_256_GCM_SHA384`, `ECDHE-${signature}-AES256-GCM-SHA384`] as const,
    [`TLS_ECDHE_${signature}_WITH_AES_128_GCM_SHA256`, `ECDHE-${signature}-AES128-GCM-SHA256`] as const,
    [`TLS_ECDHE_${signature}_WITH_CHACHA20_POLY1305_SHA256`, `ECDHE-${signature}-CHACHA20-POLY1305`] as const,
  ]),
]);
const opensslNames = new Set(ciphers.values());

const cipher = readText(
  (text) => ciphers.get(text.replace(/^TLS13_/, "TLS_")) ?? (opensslNames.has(text) ? text : undefined),
  "a cipher suite",
  `one of ${[...ciphers.keys()].join(", ")}`,
);

/** By OpenSSL's name: those of TLS 1.3 alone begin so. */
function isOfNewest(name: string): boolean {
  return name.startsWith("TLS_");
}

const notEmpty = message("CONFIG_VALUE", "this list is empty");

export const listenerTlsSchema = v.pipe(
  fields(
    {
      mode: may(noted(v.picklist(["static"]), { notYet: ["dynamicCa"] }), "static, the default: one certificate."),
      cert: must(nonEmptyText, "File with the certificate, and those between it and the root, PEM."),
      key: must(nonEmptyText, "File with the certificate's private key, PEM."),
      root: may(nonEmptyText, "File with the authorities of callers' certificates, PEM: every caller must show one."),
      minTLSVersion: may(version, "TLS_V1_2, the default, or TLS_V1_3."),
      minTlsVersion: may(version, "As minTLSVersion."),
      maxTLSVersion: may(version, "TLS_V1_2, or TLS_V1_3, the default."),
      maxTlsVersion: may(version, "As maxTLSVersion."),
      cipherSuites: may(
        v.pipe(v.array(cipher), v.nonEmpty(notEmpty)),
        "The cipher suites that are allowed, the preferred first.",
      ),
    },
    { notYet: listenerTlsNotYet, fix: "write tls: { cert: cert.pem, key: key.pem }" },
  ),
  atMostOne(["minTLSVersion", "minTlsVersion"]),
  atMostOne(["maxTLSVersion", "maxTlsVersion"]),
  v.check(
    ({ minTLSVersion, minTlsVersion, maxTLSVersion, maxTlsVersion }) =>
      (minTLSVersion ?? minTlsVersion) !== "TLS_V1_3" || (maxTLSVersion ?? maxTlsVersion) !== "TLS_V1_2",
    message("CONFIG_VALUE", "the lowest version is higher than the highest", "leave maxTLSVersion out"),
  ),
  v.check(
    ({ cipherSuites, minTLSVersion, minTlsVersion }) =>
      (minTLSVersion ?? minTlsVersion) !== "TLS_V1_3" || !cipherSuites?.length || cipherSuites.some(isOfNewest),
    message(
      "CONFIG_VALUE",
      "none of cipherSuites belongs to TLS 1.3",
      "add TLS_AES_128_GCM_SHA256, or lower minTLSVersion",
    ),
  ),
  v.check(
    ({ cipherSuites, maxTLSVersion, maxTlsVersion }) =>
      (maxTLSVersion ?? maxTlsVersion) !== "TLS_V1_2" || !cipherSuites?.length || !cipherSuites.every(isOfNewest),
    message(
      "CONFIG_VALUE",
      "none of cipherSuites belongs to TLS 1.2",
      "add ECDHE-RSA-AES128-GCM-SHA256, or leave maxTLSVersion out",
    ),
  ),
);

export function buildListenerTls(
  given: v.InferOutput<typeof listenerTlsSchema> | undefined,
  path: Path,
): ListenerTls | undefined {
  if (given === undefined) return undefined;
  const { cert, key, root, cipherSuites } = given;
  const min = given.minTLSVersion ?? given.minTlsVersion;
  const max = given.maxTLSVersion ?? given.maxTlsVersion;
  return {
    path,
    cert,
    key,
    root,
    minVersion: min && versions[min],
    maxVersion: max && versions[max],
    ciphers: cipherSuites,
  };
}
