/** What an API server's refusal means for the key, and how to mend it. Never holds what the server wrote. */
import { SecretError, type SecretErrorCode, type SecretErrorOptions } from "@keybearer/secrets";

export function failure(code: SecretErrorCode, message: string, options?: SecretErrorOptions): SecretError {
  return new SecretError(code, "kubernetes", message, options);
}

/** Which Secret it is about, and what was tried. */
export interface Attempted {
  readonly verb: "get" | "list" | "watch";
  readonly namespace: string;
  readonly name: string;
}

/** An answer other than 200. `message` is read for the service account's name alone. */
export function refusal(status: number, message: string, attempted: Attempted): SecretError {
  const { verb, namespace, name } = attempted;
  const found = `${namespace}/${name}`;
  switch (status) {
    case 401:
      return failure("SECRET_DENIED", "the API server does not accept who we are: 401", {
        found,
        fix: "is the token or client certificate of this cluster, and has it not expired?",
      });
    case 403:
      return failure("SECRET_DENIED", `no permission to ${verb} this Secret`, {
        found,
        fix: permissionFor(namespace, name, message),
      });
    case 404:
      return failure("SECRET_NOT_FOUND", "there is no such Secret", {
        found,
        fix: `kubectl -n ${namespace} create secret generic ${name} --from-file=Authorization=key.txt`,
      });
    default:
      return failure("SECRET_UNAVAILABLE", `the API server answered ${status}`, { found });
  }
}

/** The two commands that make the smallest permission there is. */
function permissionFor(namespace: string, name: string, message: string): string {
  const role = `keybearer-${name}`.slice(0, 253);
  const [, home = namespace, account = "NAME"] =
    /User "system:serviceaccount:([a-z0-9-]{1,63}):([a-z0-9.-]{1,253})"/.exec(message) ?? [];
  return [
    `kubectl -n ${namespace} create role ${role} --verb=get,list,watch --resource=secrets --resource-name=${name}`,
    `kubectl -n ${namespace} create rolebinding ${role} --role=${role} --serviceaccount=${home}:${account}`,
  ].join("; ");
}

const certificateCodes =
  /^(?:UNABLE_TO_|CERT_|ERR_TLS_CERT_ALTNAME_INVALID|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|HOSTNAME_MISMATCH)/;

/** No answer at all. */
export function unreachable(error: unknown, server: URL): SecretError {
  if (SecretError.is(error)) return error;
  const code = codeOf(error);
  if (certificateCodes.test(code)) {
    return failure("SECRET_UNAVAILABLE", `the API server's certificate is not trusted: ${code}`, {
      found: server.host,
      fix: "give its authority: certificate-authority in the kubeconfig, ca.crt in the pod",
    });
  }
  return failure("SECRET_UNAVAILABLE", `the API server cannot be reached${code === "" ? "" : `: ${code}`}`, {
    found: server.host,
  });
}

/** The first name in the chain of causes that is a word of a program. */
function codeOf(error: unknown): string {
  for (let each = error; each instanceof Error; each = each.cause) {
    const code = "code" in each ? String(each.code) : "";
    if (/^[A-Z0-9_]{2,64}$/.test(code)) return code;
  }
  return "";
}
