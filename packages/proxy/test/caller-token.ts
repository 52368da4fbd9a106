/** A credential as a passthrough source makes them: the caller's own token, read from what the proxy says of a request. */
import type { Location } from "@keybearer/providers";
import { createSeal, SecretError, systemClock, type Credential, type RequestFacts } from "@keybearer/secrets";

const customary: readonly Location[] = [
  { header: { name: "authorization", prefix: "Bearer " } },
  { header: { name: "x-api-key" } },
  { header: { name: "api-key" } },
  { header: { name: "x-goog-api-key" } },
  { queryParameter: { name: "key" } },
];

/** `from`: the one place to look at. */
export function callerToken(name: string, from?: Location): Credential {
  const source = "passthrough";
  const seal = createSeal({ source, clock: systemClock });
  return {
    acquire(request) {
      const token = (from ? [from] : customary).map((location) => read(request, location)).find(Boolean);
      if (token === undefined) throw new SecretError("SECRET_NOT_FOUND", source, "the request has no token");
      return { name, source, version: seal(token), release: () => undefined };
    },
  };
}

function read(request: RequestFacts, location: Location): string | undefined {
  if ("queryParameter" in location) return request.query(location.queryParameter.name);
  if ("cookie" in location) return request.cookie(location.cookie.name);
  const { name, prefix = "" } = location.header;
  const value = request.header(name.toLowerCase());
  return value?.toLowerCase().startsWith(prefix.toLowerCase()) ? value.slice(prefix.length) : undefined;
}
