/** `backendTLS:`, how the upstream is spoken to over TLS. */
import * as v from "valibot";
import type { Path } from "../errors.ts";
import type { BackendTls } from "../policy-config.ts";
import { message } from "../problem.ts";
import { fields, may } from "./notes.ts";
import { backendTlsNotYet } from "./unsupported.ts";
import { hostname, nonEmptyText } from "./values.ts";

export const tlsSchema = v.pipe(
  fields(
    {
      cert: may(nonEmptyText, "File with our certificate, PEM."),
      key: may(nonEmptyText, "File with the certificate's private key, PEM."),
      root: may(nonEmptyText, "File with the certificates that are trusted, PEM; the system's by default."),
      hostname: may(hostname, "Name that is asked for and verified; the backend's host by default."),
      insecure: may(v.boolean(), "Accept any certificate; false by default."),
      insecureHost: may(v.boolean(), "Accept a certificate for another name; false by default."),
    },
    { notYet: backendTlsNotYet, fix: "write backendTLS: {} for TLS with the system's certificates" },
  ),
  v.check(
    ({ cert, key }) => (cert === undefined) === (key === undefined),
    message("CONFIG_MISSING_FIELD", "cert and key belong together", "give both, or neither"),
  ),
);

export function buildTls(given: v.InferOutput<typeof tlsSchema> | undefined, path: Path): BackendTls | undefined {
  if (given === undefined) return undefined;
  const { cert, key, root, hostname, insecure = false, insecureHost = false } = given;
  return { path, cert, key, root, hostname, insecure, insecureHost };
}
