/** Why a program gave no key: what it is called, how it ended, how much it wrote, and nothing of what it wrote. */
import { SecretError, type SecretErrorCode } from "@keybearer/secrets";

const system: Readonly<Record<string, readonly [SecretErrorCode, string, string]>> = {
  ENOENT: [
    "SECRET_NOT_FOUND",
    "there is no such program",
    "install it, or name where it is; a script also needs the interpreter that its first line names",
  ],
  ENOTDIR: ["SECRET_NOT_FOUND", "there is no such program: a part of the path is no directory", "name where it is"],
  EACCES: [
    "SECRET_DENIED",
    "no permission to run the program",
    "let the user that runs the gateway run it: chmod +x, and x on the directories above it",
  ],
  EPERM: ["SECRET_DENIED", "no permission to run the program", "let the user that runs the gateway run it"],
  ENOEXEC: [
    "SECRET_MALFORMED",
    "this is no program that this machine can run",
    "a script begins with #! and its interpreter; a binary is built for this machine",
  ],
  E2BIG: ["SECRET_MALFORMED", "arguments and variables are too long", "hand a file's name over instead of its text"],
};

export function couldNotStart(error: unknown): SecretError {
  const name = error instanceof Error && "code" in error ? String(error.code) : "";
  // The error itself is no cause to keep: it carries the arguments.
  const [code, message, fix] = system[name] ?? [
    "SECRET_UNAVAILABLE",
    `the program could not be started${/^[A-Z0-9_]{1,32}$/.test(name) ? `: ${name}` : ""}`,
    undefined,
  ];
  return new SecretError(code, "exec", message, { fix });
}

export function tooLong(limitMs: number): SecretError {
  return new SecretError("SECRET_UNAVAILABLE", "exec", `the program did not end within ${limitMs / 1_000} s`, {
    fix: "it may wait for a login: nobody can type here; or give it more time with timeout",
  });
}

export function tooMuch(): SecretError {
  return new SecretError("SECRET_MALFORMED", "exec", "the program wrote more than 64 KiB", {
    fix: "let it write the key alone",
  });
}

export function unwanted(): SecretError {
  return new SecretError("SECRET_UNAVAILABLE", "exec", "the key is no longer wanted");
}

export function ended(
  exit: { readonly code: number | null; readonly signal: string | null } | undefined,
  errorBytes: number,
): SecretError | undefined {
  if (exit?.code === 0) return undefined;
  const how = exit?.code == null ? `ended by ${exit?.signal ?? "nobody knows what"}` : `exit code ${exit.code}`;
  return new SecretError("SECRET_UNAVAILABLE", "exec", "the program failed", {
    found: `${how}, ${errorBytes} bytes on standard error`,
    fix: "run it by hand as the gateway's user, with env -i and the variables that the config names, and read what it says",
  });
}
