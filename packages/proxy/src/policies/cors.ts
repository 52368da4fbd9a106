/** CORS: which web pages may call a route, and the answer to a browser that asks first. */
import type { HeaderList } from "@keybearer/providers";
import type { CorsPolicy } from "../definition.ts";

export interface Cors {
  /** The headers for an answer to this origin; undefined: the origin is not allowed. */
  allow(origin: string): readonly string[] | undefined;
  /** The headers of the answer to a preflight from an allowed origin. */
  preflight(origin: string): readonly string[] | undefined;
}

export function compileCors(policy: CorsPolicy): Cors {
  const any = policy.allowOrigins.includes("*");
  const origins = new Set(policy.allowOrigins.map((origin) => origin.toLowerCase()));
  // https://fetch.spec.whatwg.org/#http-access-control-allow-origin: "*" is not to be had together with credentials.
  const wildcard = any && !policy.allowCredentials;
  const credentials = policy.allowCredentials ? ["access-control-allow-credentials", "true"] : [];
  const expose = list("access-control-expose-headers", policy.exposeHeaders);
  const asked = [
    ...list("access-control-allow-methods", policy.allowMethods),
    ...list("access-control-allow-headers", policy.allowHeaders),
    ...(policy.maxAgeSeconds === undefined ? [] : ["access-control-max-age", String(policy.maxAgeSeconds)]),
  ];
  const base = (origin: string): readonly string[] | undefined => {
    if (!any && !origins.has(origin.toLowerCase())) return undefined;
    return ["access-control-allow-origin", wildcard ? "*" : origin, "vary", "Origin", ...credentials];
  };
  return {
    allow: (origin) => {
      const headers = base(origin);
      return headers && [...headers, ...expose];
    },
    preflight: (origin) => {
      const headers = base(origin);
      return headers && [...headers, ...asked];
    },
  };
}

export function isPreflight(method: string, headers: HeaderList): boolean {
  return method === "OPTIONS" && headers.has("origin") && headers.has("access-control-request-method");
}

function list(name: string, values: readonly string[]): readonly string[] {
  return values.length === 0 ? [] : [name, values.join(", ")];
}
