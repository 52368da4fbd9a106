/** A gateway in the test's own thread, and what it says of a config that it refuses. */
import { ConfigErrors, createGateway, type ConfigError, type Gateway, type GatewayOptions } from "keybearer";
import { onTestFinished } from "vitest";
import { noSmallServers } from "./configs.ts";

export interface InProcess extends Partial<Omit<GatewayOptions, "config" | "env">> {
  readonly config: string;
  /** Where the config is said to stand. */
  readonly directory?: string;
  readonly origin?: GatewayOptions["config"]["origin"];
  readonly env?: Readonly<Record<string, string>>;
}

/** Closes itself when the test has finished. */
export async function gatewayInProcess(options: InProcess): Promise<Gateway> {
  const { config, directory = "/nowhere", origin = "file", env = {}, ...others } = options;
  const gateway = await createGateway({
    workers: 0,
    settingsEnv: noSmallServers,
    ...others,
    config: { name: "config.yaml", bytes: Buffer.from(config), directory, origin },
    env: { get: (name) => env[name] },
  });
  onTestFinished(() => gateway.close({ minMs: 0, maxMs: 0 }));
  return gateway;
}

/** Every error of a config that must not load. */
export async function refusals(options: InProcess): Promise<readonly ConfigError[]> {
  try {
    await gatewayInProcess(options);
  } catch (error) {
    if (ConfigErrors.is(error)) return error.errors;
    throw error;
  }
  throw new Error("the config was not refused");
}

/** `5:38 SECRET_EMPTY`. */
export function placeAndCode({ place, code }: ConfigError): string {
  return `${place?.line}:${place?.column} ${code}`;
}
