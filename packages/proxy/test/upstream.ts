/** An upstream that answers as its test says, on a bare node:http server. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { onTestFinished } from "vitest";

/** `host:port`. Closes itself when the test ends. */
export async function startUpstream(
  answer: (response: ServerResponse, url: string, request: IncomingMessage) => void,
  { readsBody = true } = {},
): Promise<string> {
  const server: Server = createServer((request, response) => {
    if (readsBody) request.resume();
    answer(response, request.url ?? "", request);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => server.close().closeAllConnections());
  const address = server.address();
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return `127.0.0.1:${address.port}`;
}
