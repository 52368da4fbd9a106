/** `passthrough: {}`: every request brings its own credential. */
import { SecretError, type Credential, type Lease, type RequestFacts, type Seal } from "@keybearer/secrets";
import { readerOf, type Location, type Reader } from "./location.ts";

export interface PassthroughSettings {
  /** The key's name in logs and metrics. */
  readonly name: string;
  /** The one place to look at. By default, wherever a client of one of the big providers puts its key. */
  readonly from?: Location | undefined;
  /** `createSeal({ source: "passthrough", ... })`: checks the caller's token as it checks a key of ours. */
  readonly seal: Seal;
}

// OpenAI and most others; Anthropic; Azure; Google, twice.
const customary: readonly Reader[] = [
  readerOf({ header: { name: "authorization" } }),
  readerOf({ header: { name: "x-api-key" } }),
  readerOf({ header: { name: "api-key" } }),
  readerOf({ header: { name: "x-goog-api-key" } }),
  readerOf({ queryParameter: { name: "key" } }),
];

/**
 * `acquire` gives the caller's own token. Throws SecretError, source `passthrough`: SECRET_NOT_FOUND for a request without
 * one, SECRET_MALFORMED for one that no header can carry.
 */
export function passthroughCredential(settings: PassthroughSettings): Credential {
  const { name, from, seal } = settings;
  const readers = from === undefined ? customary : [readerOf(from)];
  return {
    acquire(request): Lease {
      const version = seal(tokenOf(request, readers));
      return { name, source: "passthrough", version, release };
    },
  };
}

function tokenOf(request: RequestFacts, readers: readonly Reader[]): string {
  for (const read of readers) {
    const token = read(request);
    if (token !== undefined) return token;
  }
  throw new SecretError("SECRET_NOT_FOUND", "passthrough", "the request carries no token of its own", {
    fix: "send the provider's key as Authorization: Bearer, or where the gateway's config says",
  });
}

/** What a provider answers to a caller's own token concerns no other request. */
function release(): void {}
