/** Whether a private key is that of a certificate. OpenSSL says so only of two of one kind. */
import { createPrivateKey, X509Certificate } from "node:crypto";

/** The reason why not; undefined: it is. Both are PEM; of several certificates the first counts. Throws for what is no PEM. */
export function pairError(cert: string, key: string): Error | undefined {
  const isPair = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  return isPair ? undefined : new Error("the private key is not that of the certificate");
}
