/** What the doctor says: something wrong or risky, where, and how to mend it. */
import type { ConfigError } from "@keybearer/config";

export interface Finding {
  /** An error keeps a gateway from its work, or has given a key away; a warning is a risk that somebody may accept. */
  readonly severity: "error" | "warning";
  /** A row of docs/errors.md. */
  readonly code: string;
  /** `config.yaml:13:16`; a file's path; absent: the machine. */
  readonly place?: string | undefined;
  readonly message: string;
  readonly found?: string | undefined;
  readonly fix?: string | undefined;
  /** The lines around the place. */
  readonly frame?: string | undefined;
}

/** `keybearer doctor --json`. */
export interface DoctorReport {
  readonly config: string;
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly errors: number;
  readonly warnings: number;
  readonly findings: readonly Finding[];
  readonly notChecked: readonly { readonly name: string; readonly place: string; readonly why: string }[];
}

export function fromError({ code, message, fileName, place, found, fix, frame }: ConfigError): Finding {
  const at = place === undefined ? fileName : `${fileName}:${place.line}:${place.column}`;
  return { severity: "error", code, place: at, message, found, fix, frame: frame === "" ? undefined : frame };
}
