/** Where in a request the caller's token stands. */
import type { RequestFacts } from "@keybearer/secrets";

export type Location =
  | {
      readonly header: {
        readonly name: string;
        /** Compared without regard to case. `Bearer ` by default for `authorization`, else none. */
        readonly prefix?: string | undefined;
      };
    }
  | { readonly queryParameter: { readonly name: string } }
  | { readonly cookie: { readonly name: string } };

/** The token, or undefined where there is none or an empty one. */
export type Reader = (request: RequestFacts) => string | undefined;

/** Decided once, so that a request only looks up. */
export function readerOf(location: Location): Reader {
  if ("header" in location) {
    const name = location.header.name.toLowerCase();
    const prefix = location.header.prefix ?? (name === "authorization" ? "Bearer " : "");
    return headerReader(name, prefix.toLowerCase());
  }
  if ("queryParameter" in location) {
    const { name } = location.queryParameter;
    return (request) => present(request.query(name));
  }
  const { name } = location.cookie;
  return (request) => present(request.cookie(name));
}

function headerReader(name: string, prefix: string): Reader {
  if (prefix === "") return (request) => present(request.header(name));
  return (request) => {
    const value = request.header(name);
    if (value === undefined || value.slice(0, prefix.length).toLowerCase() !== prefix) return undefined;
    return present(value.slice(prefix.length));
  };
}

function present(value: string | undefined): string | undefined {
  return value === undefined || value.trim() === "" ? undefined : value;
}
