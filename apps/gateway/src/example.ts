/** One `curl` line that works against the config as it is. */
import {
  backendsOf,
  type GatewayDefinition,
  type ListenerDefinition,
  type ListenerTls,
  type RouteDefinition,
} from "@keybearer/proxy";

/** For the first route with an LLM behind it; undefined: there is none that a line could show. */
export function exampleCall(definition: GatewayDefinition, baseUrl: (bindName: string) => string): string | undefined {
  for (const bind of definition.binds) {
    for (const listener of bind.listeners) {
      for (const route of listener.routes) {
        const line = exampleFor(listener, route, baseUrl(bind.name));
        if (line !== undefined) return line;
      }
    }
  }
  return undefined;
}

function exampleFor(listener: ListenerDefinition, route: RouteDefinition, baseUrl: string): string | undefined {
  const backend = backendsOf(route).find(({ kind }) => kind === "ai");
  const path = examplePath(route);
  if (backend?.kind !== "ai" || path === undefined) return undefined;
  const host = exampleHost(route.hostnames[0] ?? listener.hostname);
  const key = clientKeyArgument(route);
  const model = backend.model ?? "gpt-4o-mini";
  const body = JSON.stringify({ model, messages: [{ role: "user", content: "Say hello." }] });
  return [
    ...(listener.tls ? secureCall(listener.tls, baseUrl, host, path) : plainCall(baseUrl, host, path)),
    ...(key === undefined ? [] : [key]),
    "-H 'content-type: application/json'",
    `-d '${body}'`,
  ].join(" ");
}

function plainCall(baseUrl: string, host: string | undefined, path: string): string[] {
  return [`curl ${baseUrl}${path}`, ...(host === undefined ? [] : [`-H 'host: ${host}'`])];
}

/** The host is asked for in the handshake already, so it has to stand in the URL. */
function secureCall({ clientCertificates }: ListenerTls, baseUrl: string, host: string | undefined, path: string) {
  const { host: here, port } = new URL(baseUrl);
  return [
    host === undefined
      ? `curl ${baseUrl}${path}`
      : `curl --connect-to ::${here} https://${host}${port === "" ? "" : `:${port}`}${path}`,
    ...(clientCertificates ? ["--cert '<your certificate>' --key '<its key>'"] : []),
  ];
}

function examplePath({ matches }: RouteDefinition): string | undefined {
  const match = matches.find(
    ({ headers, query, method }) => headers.length + query.length === 0 && (method ?? "POST") === "POST",
  );
  if (!match || "regex" in match.path) return undefined;
  if ("exact" in match.path) return match.path.exact;
  const prefix = match.path.pathPrefix.replace(/\/$/, "");
  return prefix.includes("/v1") ? prefix : `${prefix}/v1/chat/completions`;
}

function exampleHost(pattern: string | undefined): string | undefined {
  return pattern?.replace(/^\*/, "any");
}

function clientKeyArgument(route: RouteDefinition): string | undefined {
  const location = route.policies.apiKey?.location;
  if (location && "header" in location) {
    const { name, prefix } = location.header;
    return `-H '${name}: ${prefix ?? (name.toLowerCase() === "authorization" ? "Bearer " : "")}<a client key>'`;
  }
  if (location) return undefined;
  const passesOn = backendsOf(route).some(({ credential }) =>
    credential?.entries.some(({ id }) => id.startsWith("passthrough")),
  );
  return passesOn ? '-H "authorization: Bearer $OPENAI_API_KEY"' : undefined;
}
