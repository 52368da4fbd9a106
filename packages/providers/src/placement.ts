/** Where a credential goes. The only file of this package that reveals a secret. */
import type { Secret } from "@keybearer/secrets";
import type { Placement } from "./contract.ts";
import { recogniseKey, type KeyOwner } from "./recognise.ts";

/** `location` as the YAML has it. */
export type Location =
  | { readonly header: { readonly name: string; readonly prefix?: string | undefined } }
  | { readonly queryParameter: { readonly name: string } }
  | { readonly cookie: { readonly name: string } };

/** Throws TypeError for a name that no header, query or cookie can have, or that frames or addresses the message. */
export function placementAt(location: Location): Placement {
  if ("header" in location) return headerPlacement(location.header.name, location.header.prefix);
  if ("queryParameter" in location) return queryPlacement(location.queryParameter.name);
  return cookiePlacement(location.cookie.name);
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/; // RFC 9110, 5.6.2
const visible = /^[\x20-\x7e]*$/;
const framing = new Set([
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
  "te",
  "trailer",
  "upgrade",
  "expect",
]);

/**
 * A header, whatever values it had before.
 * The prefix, unless given (an empty one counts), is `Bearer ` for `authorization` and none for any other header.
 */
export function headerPlacement(name: string, prefix?: string): Placement {
  const header = name.toLowerCase();
  if (!token.test(header)) throw new TypeError("a credential's header needs a name of HTTP token characters");
  if (framing.has(header)) throw new TypeError(`a credential cannot be placed in the header ${header}`);
  const before = prefix ?? (header === "authorization" ? "Bearer " : "");
  if (!visible.test(before)) throw new TypeError("a credential's prefix is printable ASCII");
  return {
    header,
    needsBody: false,
    place: (version, out) => out.headers.set(header, before + version.secret.reveal()),
  };
}

/** A query parameter, percent-encoded, in place of every one of that name, however its name is spelt. */
export function queryPlacement(name: string): Placement {
  if (name === "") throw new TypeError("a credential's query parameter needs a name");
  const encodedName = encodeURIComponent(name);
  return {
    needsBody: false,
    place(version, out) {
      const kept =
        out.query.length > 1
          ? out.query
              .slice(1)
              .split("&")
              .filter((pair) => !isNamed(pair, name))
          : [];
      kept.push(`${encodedName}=${encodeURIComponent(version.secret.reveal())}`);
      out.query = `?${kept.join("&")}`;
    },
  };
}

/** Decodes as servers do (WHATWG URL, application/x-www-form-urlencoded), some of which end a parameter at a semicolon, too. */
function isNamed(pair: string, name: string): boolean {
  // The `&` keeps URLSearchParams from dropping a `?` that belongs to the name.
  const names = [...new URLSearchParams(`&${pair.replaceAll(";", "&")}`).keys()];
  return names.includes(name) || new URLSearchParams(`&${pair}`).has(name);
}

const cookieOctets = /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*$/; // RFC 6265, 4.1.1

/**
 * A cookie, after those that are there and in place of any of that name.
 * A value that a cookie cannot hold as it is (blank, quote, comma, semicolon, backslash) is percent-encoded as a whole.
 */
export function cookiePlacement(name: string): Placement {
  if (!token.test(name)) throw new TypeError("a credential's cookie needs a name of HTTP token characters");
  return {
    header: "cookie",
    needsBody: false,
    place(version, out) {
      const value = version.secret.reveal();
      const cookies = out.headers.values("cookie").flatMap((line) => line.split(";").map((each) => each.trim()));
      const kept = cookies.filter((each) => each !== "" && (each.split("=", 1)[0] ?? "").trim() !== name);
      kept.push(`${name}=${cookieOctets.test(value) ? value : encodeURIComponent(value)}`);
      out.headers.set("cookie", kept.join("; "));
    },
  };
}

/** Which provider a key plainly belongs to, if its marks tell. The value goes nowhere. */
export function recogniseSecret(secret: Secret): KeyOwner | undefined {
  return recogniseKey(secret.reveal());
}
