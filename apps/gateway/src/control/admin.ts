/** The admin port: what the gateway runs with, and a few things to tell it. Never a key's value. */
import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { LogLevel } from "@keybearer/telemetry";
import { logLevels } from "@keybearer/telemetry";
import type { Reply } from "./http.ts";

export interface AdminView {
  configDump(): unknown;
  keys(): unknown;
  setLevel(level: LogLevel): void;
  quit(): void;
}

/** A browser cannot send this across sites without asking first, and it is never allowed to. */
const CHANGE_HEADER = "x-keybearer-admin";

export function adminReply(view: AdminView, allowedHost: string): (request: IncomingMessage) => Reply {
  return (request) => {
    if (!isOwnHost(request.headers.host, allowedHost)) {
      return { status: 403, body: "the admin port answers to its own address and to localhost alone\n" };
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

function read(view: AdminView, path: string): Reply {
  if (path === "/config_dump") return json(view.configDump());
  if (path === "/keys") return json(view.keys());
  return { status: 404, body: "here are: /config_dump, /keys; POST /logging?level=, /quitquitquit\n" };
}

function change(view: AdminView, url: URL): Reply {
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
