/** How long to find the route of a request? Baseline: a Map of exact paths, which can do nothing else. */
import { openAI } from "@keybearer/providers";
import { compileSnapshot, createUpstreams, type RouteDefinition } from "@keybearer/proxy";
import { compare } from "./timer.ts";

const headers = ["Host", "api.example.com", "Content-Type", "application/json", "Authorization", "Bearer x"];
const head = { method: "POST", target: "/v1/chat/completions", headers, httpVersion: "1.1" };
const target = { hostname: "api.example.com", host: "api.example.com", path: "/v1/chat/completions", query: "" };
const upstreams = createUpstreams();

const exact = new Map([["/v1/chat/completions", {}]]);

compare("Route of POST /v1/chat/completions", {
  "a Map of paths": () => exact.get(target.path),
  "1 route": finder([route("chat", "/")]),
  "10 routes, the last one fits": finder([...others(9), route("chat", "/")]),
  "100 routes, the last one fits": finder([...others(99), route("chat", "/")]),
  "100 host names, one fits": finder(
    Array.from({ length: 100 }, (_, index) => ({
      ...route(`host${index}`, "/"),
      hostnames: [index === 99 ? "api.example.com" : `host${index}.example.com`],
    })),
  ),
});

await upstreams.close();

function finder(routes: readonly RouteDefinition[]): () => unknown {
  const listeners = [{ name: "listener0", routes }];
  const { binds } = compileSnapshot(
    { binds: [{ name: "bench", port: 0, listeners }] },
    { providers: [openAI], credential: () => undefined, upstreams },
  );
  const bind = binds.get("bench");
  return () => bind?.find({ head }, target);
}

function others(count: number): RouteDefinition[] {
  return Array.from({ length: count }, (_, index) => route(`other${index}`, `/other/${index}/path`));
}

function route(name: string, pathPrefix: string): RouteDefinition {
  return {
    name,
    hostnames: [],
    matches: [{ path: { pathPrefix }, headers: [], query: [] }],
    policies: { refuseCrossSite: false },
    backends: [],
  };
}
