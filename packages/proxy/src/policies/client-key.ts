/** The `apiKey` policy: who calls, told by a key that the gateway issued. */
import { hash } from "node:crypto";
import type { ApiKeyPolicy } from "../definition.ts";
import { ProxyError } from "../errors.ts";
import { locate, type RequestCredentials } from "../request-facts.ts";

export interface ClientKeyCheck {
  /**
   * Metadata of the accepted key, whose credential is taken out of the request; undefined: none, and none was required.
   * Throws ProxyError `client_key_missing` or `client_key_invalid`, which say the same to whoever guesses.
   */
  check(credentials: RequestCredentials): Readonly<Record<string, unknown>> | undefined;
}

export function compileClientKeys({ mode, location, keys }: ApiKeyPolicy): ClientKeyCheck {
  // Looked up by digest: how long a look-up takes tells nothing of a key.
  const byDigest = new Map(keys.map(({ sha256, metadata }) => [sha256, metadata]));
  const place = locate(location);
  return {
    check(credentials) {
      const presented = place.read(credentials);
      if (presented === undefined) {
        if (mode !== "strict") return undefined;
        throw new ProxyError("client_key_missing", `No API key was found in ${place.description}.`);
      }
      const digest = hash("sha256", presented, "hex");
      const metadata = byDigest.get(digest);
      if (metadata === undefined) {
        if (mode === "permissive") return undefined;
        throw new ProxyError("client_key_invalid", `The API key in ${place.description} is not one of this gateway's.`);
      }
      place.consume(credentials);
      credentials.clientKey = digest;
      return metadata;
    },
  };
}
