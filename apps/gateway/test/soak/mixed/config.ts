/** The config of the mixed soak: two providers in a group, keys that rotate, and a route for each way of waiting and trying again. */

export interface MixedConfig {
  /** `host:port` of each provider. */
  readonly first: string;
  readonly second: string;
  /** Told in each answer's header `x-config`. */
  readonly version: number;
}

/** Of one thread: less than a burst has, and more than all others together. */
const CONCURRENT = 48;
/** So short that connections to providers are closed and made again all the time, and that none is left soon after the end. */
const POOL_IDLE = "4s";

const policiesByRoute: Readonly<Record<string, object>> = {
  plain: {},
  timed: { timeout: { requestTimeout: "15s" } },
  retrying: { retry: { codes: [502], attempts: 1 } },
  "request-timeout": { timeout: { requestTimeout: "300ms" } },
  "backend-timeout": { timeout: { backendRequestTimeout: "300ms" } },
};

/** YAML is JSON, too. */
export function mixedConfig({ first, second, version }: MixedConfig): string {
  const pool = ["file", "env", "env"].map((source, index) => ({
    name: `pool-${index + 1}`,
    key: source === "file" ? { file: "pool-1.txt" } : `$POOL_${index + 1}`,
  }));
  const provider = { openAI: {} };
  const providers = [
    { name: "first", provider, hostOverride: first, policies: { backendAuth: { key: { file: "first.txt" } } } },
    { name: "second", provider, hostOverride: second, policies: { backendAuth: { keys: pool } } },
  ];
  const mark = { responseHeaderModifier: { set: { "x-config": String(version) } } };
  const routes = Object.entries(policiesByRoute).map(([name, policies]) => ({
    name,
    matches: [{ path: { pathPrefix: "/" }, ...(name === "plain" ? {} : { headers: headersOf(name) }) }],
    policies: { ...policies, ...mark },
    backends: [{ ai: { groups: [{ providers }] } }],
  }));
  return JSON.stringify({
    config: { workerThreads: 2, backend: { poolIdleTimeout: POOL_IDLE } },
    frontendPolicies: { http: { maxConcurrentRequests: CONCURRENT } },
    binds: [{ port: 0, listeners: [{ routes }] }],
  });
}

function headersOf(route: string): object[] {
  return [{ name: "x-route", value: { exact: route } }];
}
