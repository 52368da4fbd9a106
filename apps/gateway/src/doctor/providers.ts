/** With `--online`: whether providers are reached, and take the keys. */
import { checkKeys, type KeyCheckResult } from "../keys/check-keys.ts";
import type { Loaded } from "../load/load.ts";
import type { Finding } from "./finding.ts";

export async function providerFindings(loaded: Loaded, config: string, now: () => number): Promise<Finding[]> {
  // Where the config is refused, no traffic would flow, and no key is sent.
  if (loaded.errors.length > 0) return [];
  const { keys } = await checkKeys(loaded, { config, now });
  return keys.flatMap(findingOf);
}

function findingOf({ name, place, backend, endpoint, result, mayGenerate, detail }: KeyCheckResult): Finding[] {
  // One that could not be read is told of already.
  if (endpoint === undefined) return [];
  const at = { place, found: `${backend} at ${endpoint}` };
  if (result === "refused") {
    const fix = "put a good key where this one is kept";
    return [{ ...at, severity: "error", code: "KEY_REFUSED", message: `the provider refuses ${name}: ${detail}`, fix }];
  }
  if (result === "failed") {
    const fix = "look at address, DNS, proxies and backendTLS; or ask again later";
    const message = `the provider could not be asked about ${name}: ${detail}`;
    return [{ ...at, severity: "warning", code: "PROVIDER_UNREACHABLE", message, fix }];
  }
  if (result === "good" && mayGenerate === "no") {
    const fix = "look at the account's credit and limits";
    return [
      { ...at, severity: "error", code: "KEY_WITHOUT_MONEY", message: `${name} can pay for nothing: ${detail}`, fix },
    ];
  }
  return [];
}
