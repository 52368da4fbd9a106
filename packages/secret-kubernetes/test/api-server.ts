/**
 * A stand-in for a Kubernetes API server, with Secrets alone: as much of the protocol as kubectl and the official client
 * need (discovery, Status objects, list in pages, watch, create, patch, delete), with faults on demand.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { Store } from "./store.ts";
import { Watches } from "./watches.ts";

export type Verb = "get" | "list" | "watch" | "create" | "patch" | "update" | "delete";

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Undefined for what is about no Secret. */
  readonly verb: Verb | undefined;
  readonly token: string | undefined;
  /** Of a client certificate. */
  readonly commonName: string | undefined;
}

export interface Fault {
  readonly verb: Verb;
  /** The next so many requests; 1 by default. */
  readonly times?: number;
  /** The connection is cut instead of an answer; `silent`: no answer comes. */
  readonly answer:
    | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
    | "cut"
    | "silent";
}

export interface ApiServerOptions {
  readonly tls?: { readonly key: string; readonly cert: string; readonly ca: string };
  /** Whoever comes without one of these, and without a client certificate of `tls.ca`, gets 401. Absent: all may come. */
  readonly tokens?: ReadonlySet<string>;
  /** As a Role has it. Absent: everything is allowed. `resourceNames` allow a list or watch with their fieldSelector alone. */
  readonly rules?: readonly { readonly verbs: readonly Verb[]; readonly resourceNames?: readonly string[] }[];
}

export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const api = new ApiServer(options);
  await api.listen();
  return api;
}

export class ApiServer {
  readonly store = new Store();
  readonly watches = new Watches(this.store);
  readonly requests: SeenRequest[] = [];
  url = "";
  rules: ApiServerOptions["rules"];
  /** Of its certificate, behind TLS. */
  readonly authority: string | undefined;
  readonly #options: ApiServerOptions;
  readonly #server: ReturnType<typeof createServer>;
  readonly #waiting = new Set<(request: SeenRequest) => void>();
  readonly #sockets = new Set<Socket>();
  #faults: { readonly fault: Fault; left: number }[] = [];

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.rules = options.rules;
    this.authority = options.tls?.ca;
    const handle = (request: IncomingMessage, answer: ServerResponse): void => {
      this.#handle(request, answer).catch((error: unknown) => answer.destroy(error as Error));
    };
    const { tls } = options;
    this.#server =
      tls === undefined
        ? createServer(handle)
        : createTlsServer({ ...tls, requestCert: true, rejectUnauthorized: false }, handle);
  }

  async listen(): Promise<void> {
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const { port } = this.#server.address() as AddressInfo;
    this.url = `${this.#options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, "close");
  }

  fail(fault: Fault): void {
    this.#faults.push({ fault, left: fault.times ?? 1 });
  }

  /** The next request of that kind. Ask before it can come. */
  next(verb: Verb): Promise<SeenRequest> {
    return new Promise((resolve) => {
      const listener = (request: SeenRequest): void => {
        if (request.verb !== verb) return;
        this.#waiting.delete(listener);
        resolve(request);
      };
      this.#waiting.add(listener);
    });
  }

  /** Resolves when nobody is connected any more. */
  async connectionsClosed(): Promise<void> {
    const closed = (socket: Socket) => new Promise<void>((resolve) => socket.on("close", () => resolve()));
    while (this.#sockets.size > 0) await Promise.all([...this.#sockets].map(closed));
  }

  count(verb: Verb): number {
    return this.requests.filter((request) => request.verb === verb).length;
  }

  async #handle(request: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { pathname, searchParams: query } = new URL(request.url ?? "/", "http://stand-in");
    const target = /^\/api\/v1\/namespaces\/([^/]+)\/secrets(?:\/([^/]+))?$/.exec(pathname);
    const verb = target === null ? undefined : verbOf(request.method ?? "", target[2], query);
    const seen: SeenRequest = {
      method: request.method ?? "",
      path: pathname,
      query,
      verb,
      token: /^Bearer (.*)$/.exec(request.headers.authorization ?? "")?.[1],
      commonName: commonNameOf(request),
    };
    this.requests.push(seen);
    for (const listener of this.#waiting) listener(seen);
    if (this.#isFaulty(verb, answer)) return;
    const { tokens } = this.#options;
    if (tokens !== undefined && !tokens.has(seen.token ?? "") && seen.commonName === undefined) {
      return status(answer, 401, "Unauthorized", "Unauthorized");
    }
    if (target === null || verb === undefined) return this.#discover(pathname, answer);
    const [, namespace = "", inPath] = target;
    const name = inPath ?? /(?:^|,)metadata\.name=([^,]+)/.exec(query.get("fieldSelector") ?? "")?.[1];
    if (!this.#isAllowed(verb, name)) {
      const user = seen.commonName ?? "system:serviceaccount:llm:keybearer";
      const what = `User "${user}" cannot ${verb} resource "secrets" in API group "" in the namespace "${namespace}"`;
      return status(answer, 403, "Forbidden", `secrets ${name === undefined ? "" : `"${name}" `}is forbidden: ${what}`);
    }
    await this.#serve(verb, { namespace, name, query, request, answer });
  }

  async #serve(verb: Verb, { namespace, name, query, request, answer }: Served): Promise<void> {
    switch (verb) {
      case "get":
        return found(answer, this.store.get(namespace, name ?? ""), name);
      case "list":
        return this.#list(namespace, name, query, answer);
      case "watch":
        return this.#watch(namespace, name, query, answer);
      case "create":
      case "patch":
      case "update":
        // As kubectl writes from 1.32 on, where it has made the object itself. We have no use for it.
        if (request.headers["content-type"]?.includes("protobuf") === true) {
          return status(answer, 415, "UnsupportedMediaType", "the stand-in reads JSON alone");
        }
        return this.#change(verb, namespace, name, await bodyOf(request), answer);
      case "delete": {
        const before = this.store.remove(namespace, name ?? "");
        if (before === undefined) return found(answer, undefined, name);
        return json(answer, 200, {
          ...statusObject("Success"),
          details: { name, kind: "secrets", uid: before.metadata.uid },
        });
      }
    }
  }

  /** In pages where `limit` says so; the `continue` token is where the next one begins. */
  #list(namespace: string, name: string | undefined, query: URLSearchParams, answer: ServerResponse): void {
    const all = this.store.list(namespace, name);
    const start = Number(query.get("continue") ?? 0);
    const end = start + Number(query.get("limit") || Number.POSITIVE_INFINITY);
    const metadata = {
      resourceVersion: String(this.store.version),
      ...(end < all.length ? { continue: String(end), remainingItemCount: all.length - end } : {}),
    };
    // A list's items have no kind of their own.
    const items = all.slice(start, end).map(({ kind: _kind, apiVersion: _version, ...item }) => item);
    json(answer, 200, { kind: "SecretList", apiVersion: "v1", metadata, items });
  }

  #watch(namespace: string, name: string | undefined, query: URLSearchParams, answer: ServerResponse): void {
    const version = query.get("resourceVersion") ?? "";
    const from = version === "" || version === "0" ? undefined : Number(version);
    if (from !== undefined && from < this.store.forgotten) {
      return status(answer, 410, "Expired", `too old resource version: ${from} (${this.store.forgotten})`);
    }
    this.watches.start(
      {
        namespace,
        name,
        from,
        timeoutSeconds: Number(query.get("timeoutSeconds") ?? 1_800),
        bookmarks: query.get("allowWatchBookmarks") === "true",
      },
      answer,
    );
  }

  /** Both kinds of patch that kubectl sends mean the same for a Secret, which is two maps. */
  #change(verb: Verb, namespace: string, inPath: string | undefined, body: Change, answer: ServerResponse): void {
    const name = inPath ?? body.metadata?.name ?? "";
    const before = this.store.get(namespace, name);
    if (verb === "create" && before !== undefined) {
      return status(answer, 409, "AlreadyExists", `secrets "${name}" already exists`);
    }
    if (verb !== "create" && before === undefined) return found(answer, undefined, name);
    const written = Object.entries(body.stringData ?? {}).map(
      ([key, text]) => [key, text === null ? null : Buffer.from(text).toString("base64")] as const,
    );
    const merged = { ...(verb === "patch" ? before?.data : {}), ...body.data, ...Object.fromEntries(written) };
    const data = Object.entries(merged).filter((entry): entry is [string, string] => entry[1] !== null);
    json(answer, verb === "create" ? 201 : 200, this.store.putEncoded(namespace, name, Object.fromEntries(data)));
  }

  #discover(path: string, answer: ServerResponse): void {
    const namespace = /^\/api\/v1\/namespaces\/([^/]+)$/.exec(path)?.[1];
    if (namespace !== undefined) {
      return json(answer, 200, { kind: "Namespace", apiVersion: "v1", metadata: { name: namespace } });
    }
    const document = discovery[path];
    if (document === undefined)
      return status(answer, 404, "NotFound", "the server could not find the requested resource");
    json(answer, 200, document);
  }

  #isAllowed(verb: Verb, name: string | undefined): boolean {
    if (this.rules === undefined) return true;
    return this.rules.some(
      ({ verbs, resourceNames }) =>
        verbs.includes(verb) && (resourceNames === undefined || (name !== undefined && resourceNames.includes(name))),
    );
  }

  #isFaulty(verb: Verb | undefined, answer: ServerResponse): boolean {
    const planned = this.#faults.find(({ fault, left }) => fault.verb === verb && left > 0);
    if (planned === undefined) return false;
    planned.left -= 1;
    const { answer: what } = planned.fault;
    if (what === "silent") return true;
    if (what === "cut") answer.destroy();
    else if (what.body === undefined) status(answer, what.status, "Fault", "on demand", what.headers);
    else answer.writeHead(what.status, what.headers).end(what.body);
    return true;
  }
}

interface Served {
  readonly namespace: string;
  readonly name: string | undefined;
  readonly query: URLSearchParams;
  readonly request: IncomingMessage;
  readonly answer: ServerResponse;
}

interface Change {
  readonly metadata?: { readonly name?: string };
  readonly data?: Readonly<Record<string, string | null>>;
  readonly stringData?: Readonly<Record<string, string | null>>;
}

const verbs = ["get", "list", "watch", "create", "update", "patch", "delete"];
const discovery: Readonly<Record<string, unknown>> = {
  "/version": { major: "1", minor: "32", gitVersion: "v1.32.4", platform: "linux/amd64" },
  "/api": { kind: "APIVersions", versions: ["v1"], serverAddressByClientCIDRs: [] },
  "/apis": { kind: "APIGroupList", apiVersion: "v1", groups: [] },
  "/api/v1": {
    kind: "APIResourceList",
    groupVersion: "v1",
    resources: [
      { name: "namespaces", singularName: "namespace", namespaced: false, kind: "Namespace", verbs: ["get"] },
      { name: "secrets", singularName: "secret", namespaced: true, kind: "Secret", verbs },
    ],
  },
};

function verbOf(method: string, name: string | undefined, query: URLSearchParams): Verb | undefined {
  if (method === "GET" && /^(?:1|true)$/.test(query.get("watch") ?? "")) return "watch";
  if (method === "GET") return name === undefined ? "list" : "get";
  const verbs: Readonly<Record<string, Verb>> = { POST: "create", PATCH: "patch", PUT: "update", DELETE: "delete" };
  return verbs[method];
}

function commonNameOf({ socket }: IncomingMessage): string | undefined {
  if (!("authorized" in socket) || !(socket as TLSSocket).authorized) return undefined;
  const name = (socket as TLSSocket).getPeerCertificate().subject?.CN;
  return Array.isArray(name) ? name[0] : name;
}

async function bodyOf(request: IncomingMessage): Promise<Change> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString() || "{}") as Change;
}

function found(answer: ServerResponse, object: unknown, name: string | undefined): void {
  if (object === undefined) status(answer, 404, "NotFound", `secrets "${name}" not found`);
  else json(answer, 200, object);
}

function statusObject(outcome: "Success" | "Failure") {
  return { kind: "Status", apiVersion: "v1", metadata: {}, status: outcome };
}

function status(
  answer: ServerResponse,
  code: number,
  reason: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  json(answer, code, { ...statusObject("Failure"), message, reason, code }, headers);
}

function json(
  answer: ServerResponse,
  code: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  answer.writeHead(code, { ...headers, "content-type": "application/json" }).end(`${JSON.stringify(body)}\n`);
}
