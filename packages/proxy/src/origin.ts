/** Where a backend's connections go, decided at load and by the config alone. */
import { isIPv4, isIPv6 } from "node:net";
import type { BackendDefinition } from "./definition.ts";

export interface Origin {
  readonly protocol: "http:" | "https:";
  /** As a URL writes it: IPv6 in brackets. */
  readonly hostname: string;
  readonly port: number;
  /** `host:port`: its name in logs. */
  readonly endpoint: string;
  /** Host header (RFC 9110 section 7.2): the port only where it is not the scheme's own. */
  readonly authority: string;
  /** `https://api.openai.com:443`, for undici. */
  readonly url: string;
}

/** The provider's own address, or the backend's; port 443 means TLS, as `tls` does. */
export function originOf(backend: BackendDefinition, providerOrigin: string | undefined): Origin {
  const address = backend.kind === "ai" ? backend.hostOverride : backend.host;
  if (address === undefined) {
    const url = new URL(providerOrigin ?? "");
    return makeOrigin(url.protocol === "https:" || backend.tls !== undefined, url.hostname, portOf(url));
  }
  const colon = address.lastIndexOf(":");
  const port = Number(address.slice(colon + 1));
  return makeOrigin(backend.tls !== undefined || port === 443, address.slice(0, colon).toLowerCase(), port);
}

function makeOrigin(secure: boolean, hostname: string, port: number): Origin {
  const protocol = secure ? "https:" : "http:";
  const endpoint = `${hostname}:${port}`;
  return {
    protocol,
    hostname,
    port,
    endpoint,
    authority: port === (secure ? 443 : 80) ? hostname : endpoint,
    url: `${protocol}//${endpoint}`,
  };
}

function portOf(url: URL): number {
  if (url.port !== "") return Number(url.port);
  return url.protocol === "https:" ? 443 : 80;
}

const PRIVATE_NAME = /^localhost$|[a-z0-9_-]\.(?:localhost|svc|svc\.cluster\.local|internal)$/;

/**
 * Whether a name stays within the machine or a private network, by its letters alone: DNS is in other hands.
 * Loopback, RFC 1918, link-local, unique local IPv6, `localhost`, `*.svc`, `*.svc.cluster.local`, `*.internal`.
 */
export function isPrivateHost(hostname: string): boolean {
  const host = hostname.toLowerCase();
  const address = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  if (isIPv6(address)) return isPrivateIpv6(address);
  // Strictly four decimal numbers: the system takes 010.0.0.1 and 0x7f.1 for addresses, too, and other ones at that.
  if (isIPv4(host)) return isPrivateIpv4(host.split(".").map(Number));
  return PRIVATE_NAME.test(host);
}

function isPrivateIpv4([a = 0, b = 0]: readonly number[]): boolean {
  return (
    a === 127 || a === 10 || (a === 172 && b >= 16 && b <= 31) || (a === 192 && b === 168) || (a === 169 && b === 254)
  );
}

function isPrivateIpv6(address: string): boolean {
  if (address === "::1") return true;
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(address)?.[1];
  if (mapped !== undefined) return isPrivateHost(mapped);
  return /^f[cd][0-9a-f]{2}:/.test(address) || /^fe[89ab][0-9a-f]:/.test(address);
}
