/** Which TCP connections are let in, before anything on them is read. */
import type { Socket } from "node:net";
import type { FrontendLimits } from "../limits.ts";
import { clientOf } from "./client-counts.ts";
import type { ServerOptions } from "./server.ts";

/** False: there were enough, and it is gone. */
export function admit(
  socket: Socket,
  { clients, limited }: Pick<ServerOptions, "clients" | "limited">,
  { keepAlive, ...limits }: FrontendLimits,
): boolean {
  const client = clientOf(socket.remoteAddress ?? "");
  const refused = clients.enter(client, limits);
  if (refused) {
    limited(refused);
    // Nothing of it stays behind, as it would in TIME_WAIT.
    socket.resetAndDestroy();
    return false;
  }
  socket.once("close", () => clients.leave(client));
  if (keepAlive !== "off") socket.setKeepAlive(true, keepAlive.idleMs, keepAlive.intervalMs, keepAlive.probes);
  return true;
}
