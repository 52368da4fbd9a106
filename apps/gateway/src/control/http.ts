/** The small servers of the control plane: readiness, metrics, admin. */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { knownKeys } from "../known-keys.ts";
import { portError } from "./ports.ts";

// An import would read every export, and one is a WebSocket client, which takes longer to load than all the rest.
const { createServer } = process.getBuiltinModule("node:http");

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface SmallServer {
  /** `http://127.0.0.1:15021`. */
  readonly url: string;
  close(): void;
}

export interface Reply {
  readonly status: number;
  readonly contentType?: string;
  readonly body: string;
}

export type Respond = (request: IncomingMessage) => Reply | Promise<Reply>;

/** `what` names it in the error. Throws GatewayError when the port cannot be had; `report` hears of a `respond` that threw. */
export async function startSmallServer(
  what: string,
  { host, port }: Address,
  respond: Respond,
  report: (error: unknown) => void,
): Promise<SmallServer> {
  const server = createServer((request, response) => void answer(request, response, respond, report));
  await listen(server, host, port).catch((error: unknown) => {
    throw portError(error, port, host, what);
  });
  const { address, family, port: actual } = server.address() as AddressInfo;
  return {
    url: `http://${family === "IPv6" ? `[${address}]` : address}:${actual}`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  respond: Respond,
  report: (error: unknown) => void,
): Promise<void> {
  let reply: Reply;
  try {
    reply = await respond(request);
  } catch (error) {
    report(error);
    // What went wrong may name anything; whoever asks here gets no more than that it did.
    reply = { status: 500, body: "internal error\n" };
  }
  const body = knownKeys.scrub(reply.body);
  response.writeHead(reply.status, {
    "content-type": reply.contentType ?? "text/plain; charset=utf-8",
    "content-length": Buffer.byteLength(body),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
  });
  response.end(request.method === "HEAD" ? undefined : body);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}
