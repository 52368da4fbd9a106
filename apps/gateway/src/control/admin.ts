/** The admin port: what the gateway runs with, and a few things to tell it. Never a key's value. */
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { LogLevel } from "@keybearer/telemetry";
import { logLevels } from "@keybearer/telemetry";
import type { Key } from "@keybearer/secrets";
import { versionNow } from "../load/open-keys.ts";
import type { Reply } from "./http.ts";
import type { KeysReport } from "../keys/report.ts";
import type { ConfigStatus, ReloadOutcome } from "./reloads.ts";

/** `failure`: its source's code, where it could not be read; the last good version serves on. */
export interface RefreshedKey {
  readonly name: string;
  readonly version: number | undefined;
  readonly fingerprint: string | undefined;
  readonly failure: string | undefined;
}

export interface AdminView {
  /** Whether whoever asks may: always, where the config names no token. */
  admits(authorization: string | undefined): boolean;
  configDump(): unknown;
  keys(): Promise<KeysReport>;
  /** Reads a key again and forgets what was held against it; undefined: there is none of that name. */
  refreshKey(name: string): Promise<RefreshedKey | undefined>;
  configStatus(): ConfigStatus;
  reload(): Promise<ReloadOutcome>;
  setLevel(level: LogLevel): void;
  quit(): void;
}

/** A browser cannot send this across sites without asking first, and it is never allowed to. */
const CHANGE_HEADER = "x-keybearer-admin";

const HERE = `here are: /config_dump, /config/status, /keys
to change something: POST /config/reload, /keys/NAME/refresh, /logging?level=, /quitquitquit
`;

export function adminReply(view: AdminView, allowedHost: string): (request: IncomingMessage) => Reply | Promise<Reply> {
  return (request) => {
    if (!isOwnHost(request.headers.host, allowedHost)) {
      return { status: 403, body: "the admin port answers to its own address and to localhost alone\n" };
    }
    if (!view.admits(request.headers.authorization)) {
      return { status: 401, body: "the admin port asks for its token: Authorization: Bearer ...\n" };
    }
    const url = new URL(request.url ?? "/", "http://admin.invalid");
    if (request.method === "GET" || request.method === "HEAD") return read(view, url.pathname);
    if (request.method !== "POST") return { status: 405, body: "GET or POST\n" };
    if (request.headers[CHANGE_HEADER] === undefined) {
      return { status: 403, body: `whatever changes something needs the header ${CHANGE_HEADER}: 1\n` };
    }
    return change(view, url);
  };
}

/** A token that cannot be read admits nobody. */
export function admits(token: Pick<Key, "current"> | undefined, authorization: string | undefined): boolean {
  if (!token) return true;
  const presented = /^Bearer +(.+)$/i.exec(authorization ?? "")?.[1];
  return presented !== undefined && versionNow(token)?.secret.matches(presented.trim()) === true;
}

async function read(view: AdminView, path: string): Promise<Reply> {
  if (path === "/config_dump") return json(view.configDump());
  if (path === "/config/status") return json(view.configStatus());
  if (path === "/keys") return json(await view.keys());
  return { status: 404, body: HERE };
}

async function change(view: AdminView, url: URL): Promise<Reply> {
  if (url.pathname === "/config/reload") {
    const outcome = await view.reload();
    return { ...json(outcome), status: outcome.state === "rejected" ? 409 : 200 };
  }
  const refreshed = /^\/keys\/([^/]+)\/refresh$/.exec(url.pathname)?.[1];
  if (refreshed !== undefined) {
    const key = await view.refreshKey(decodeName(refreshed));
    if (!key) return { status: 404, body: "there is no key of that name; GET /keys has them\n" };
    return { ...json(key), status: key.failure === undefined ? 200 : 502 };
  }
  if (url.pathname === "/quitquitquit") {
    view.quit();
    return { status: 200, body: "draining\n" };
  }
  if (url.pathname === "/logging") {
    const level = logLevels.find((known) => known === url.searchParams.get("level"));
    if (!level) return { status: 400, body: `level is one of ${logLevels.join(", ")}\n` };
    view.setLevel(level);
    return { status: 200, body: `${level}\n` };
  }
  return { status: 404, body: "nothing to change here\n" };
}

function decodeName(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** A page of another site reaches this port under its own name (DNS rebinding), never under an IP address or localhost. */
function isOwnHost(header: string | undefined, allowedHost: string): boolean {
  if (header === undefined) return false;
  const host = header
    .replace(/:\d*$/, "")
    .replace(/^\[|\]$/g, "")
    .toLowerCase();
  return host === "localhost" || isIP(host) !== 0 || host === allowedHost.toLowerCase();
}

function json(value: unknown): Reply {
  return { status: 200, contentType: "application/json", body: `${JSON.stringify(value, null, 2)}\n` };
}
