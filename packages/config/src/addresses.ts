/** Addresses as a config writes them: `host:port`, to listen on or to call. */
import { isIP } from "node:net";

/** Where a port of ours listens. `host` is an IP address without brackets, or `localhost`. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** `ip:port`, `[ip]:port` or `localhost:port`. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const split = splitPort(text);
  if (split === undefined || !isListenHost(split.host)) return undefined;
  return split;
}

export function isListenHost(host: string): boolean {
  return host === "localhost" || isIP(host) !== 0;
}

/** `host:port` or `[ip]:port`, port 1 to 65535; the host in lower case. Undefined: anything else. */
export function parseTarget(text: string): string | undefined {
  const split = splitPort(text);
  if (split === undefined || split.port === 0) return undefined;
  const host = split.host.toLowerCase();
  if (isIP(host) === 6) return `[${host}]:${split.port}`;
  return isIP(host) === 4 || isHostname(host) ? `${host}:${split.port}` : undefined;
}

/** A DNS name; underscores are let through, since container networks use them. */
export function isHostname(text: string): boolean {
  if (text.length > 253) return false;
  return text.split(".").every((label) => /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i.test(label));
}

function splitPort(text: string): ListenAddress | undefined {
  const {
    v6,
    plain,
    digits = "",
  } = /^(?:\[(?<v6>[^\]]+)\]|(?<plain>[^:[\]]+)):(?<digits>\d{1,5})$/.exec(text)?.groups ?? {};
  const port = Number(digits);
  if (port > 65_535 || (v6 !== undefined && isIP(v6) !== 6)) return undefined;
  const host = v6 ?? plain;
  return host === undefined ? undefined : { host, port };
}
