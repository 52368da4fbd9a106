/** The ports of the config, tried alone by the main thread, so that one in use is an error before any thread shares it. */
import { createServer, type AddressInfo } from "node:net";
import type { BindDefinition } from "@keybearer/proxy";
import { GatewayError, systemCode } from "../errors.ts";

/** By bind name: the port that each was given, for port 0 the one that the system chose. Throws GatewayError. */
export async function findPorts(binds: readonly BindDefinition[]): Promise<Record<string, number>> {
  const ports: Record<string, number> = {};
  for (const { name, port, address } of binds) {
    ports[name] = await tryPort(port, address).catch((error: unknown) => {
      throw portError(error, port, address);
    });
  }
  return ports;
}

function tryPort(port: number, address: string | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen({ port, ...(address === undefined ? {} : { host: address }) }, () => {
      const found = (server.address() as AddressInfo).port;
      server.close(() => resolve(found));
    });
  });
}

/** A system error of `listen` in an operator's words; anything else as it is. */
export function portError(error: unknown, port: number, address: string | undefined, what = "the gateway"): unknown {
  const where = address === undefined ? `port ${port}` : `${address}, port ${port}`;
  switch (systemCode(error)) {
    case "EADDRINUSE":
      return new GatewayError("PORT_IN_USE", `${what} cannot listen on ${where}: it is in use by another process`, {
        cause: error,
      });
    case "EACCES":
      return new GatewayError("PORT_DENIED", `${what} may not listen on ${where}: ports below 1024 need a privilege`, {
        cause: error,
      });
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new GatewayError(
        "ADDRESS_UNAVAILABLE",
        `${what} cannot listen on ${where}: this machine has no such address`,
        { cause: error },
      );
    default:
      return error;
  }
}
