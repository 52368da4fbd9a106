/** Configs that several tests need, and how a caller asks. */

export interface OneRoute {
  /** `host:port` of the provider. */
  readonly upstream: string;
  /** What stands below `backendAuth`, in YAML's flow form. */
  readonly auth?: string;
  /** Further route policies, in YAML's flow form: `timeout: { requestTimeout: 1s }`. */
  readonly policies?: readonly string[];
  /** Further fields of the bind: `address: 0.0.0.0`. */
  readonly bind?: readonly string[];
  /** The `config:` section, in YAML's flow form. */
  readonly settings?: string;
}

/** One port, one route, one provider. */
export function oneRoute({ upstream, auth, policies = [], bind = [], settings = "{}" }: OneRoute): string {
  const all = [...(auth === undefined ? [] : [`backendAuth: ${auth}`]), ...policies];
  return `
config: ${settings}
binds:
- port: 0
${bind.map((line) => `  ${line}\n`).join("")}  listeners:
  - routes:
    - backends:
      - ai: { name: openai, hostOverride: "${upstream}", provider: { openAI: {} } }
      policies: { ${all.join(", ")} }
`;
}

export interface Ask {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly signal?: AbortSignal;
}

/** A chat completion. */
export function ask(
  url: string,
  { path = "/v1/chat/completions", headers, body, signal }: Ask = {},
): Promise<Response> {
  return fetch(url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "gpt-4o-mini", messages: [{ role: "user", content: "hello" }], ...body }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** The settings of a gateway in the test's own process: nothing listens but its binds. */
export const noSmallServers = { ADMIN_ADDR: "off", STATS_ADDR: "off", READINESS_ADDR: "off" };
