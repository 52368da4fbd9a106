/** Who may reach the admin port, and the token that it asks for. */
import { isIPv4 } from "node:net";
import type { Config, ConfigError, ConfigSource, Settings } from "@keybearer/config";
import type { KeyRequest } from "./credential-table.ts";

/** Under this id the token is opened, like a key. */
export const ADMIN_TOKEN = "adminToken";

export function adminTokenRequest({ adminToken }: Settings, { secretDefaults }: Config): KeyRequest[] {
  if (!adminToken) return [];
  const { path } = adminToken;
  return [
    {
      id: ADMIN_TOKEN,
      name: "the admin token",
      path,
      reference: adminToken,
      policy: secretDefaults,
      previous: undefined,
    },
  ];
}

/** Whoever reaches it may stop the gateway and read its config: beyond this machine, not without a token. */
export function adminPortErrors({ adminAddr, adminToken }: Settings, source: ConfigSource): ConfigError[] {
  if (adminAddr === "off" || isLoopback(adminAddr.host) || adminToken) return [];
  return [
    source.error(["config", "adminAddr"], {
      code: "ADMIN_OPEN",
      message: "the admin port would answer to whoever reaches it",
      found: `${adminAddr.host}:${adminAddr.port}`,
      fix: "leave it on localhost:15000; or set config.adminToken, which takes a key's forms: { file: admin-token.txt }",
    }),
  ];
}

export function isLoopback(address: string | undefined): boolean {
  if (address === undefined) return false;
  return address === "localhost" || address === "::1" || (isIPv4(address) && address.startsWith("127."));
}
