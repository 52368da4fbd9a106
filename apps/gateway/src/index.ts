export { createGateway } from "./gateway.ts";
export type { Gateway, GatewayOptions, KeyView } from "./gateway.ts";
export type { ConfigText } from "./config-text.ts";
export { GatewayError } from "./errors.ts";
export type { GatewayErrorCode } from "./errors.ts";
export { ConfigError, ConfigErrors } from "@keybearer/config";
