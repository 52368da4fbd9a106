import { describe, expect, test } from "vitest";
import { createProcessMetrics, createRegistry, createRequestMetrics, type RequestRecord } from "./index.ts";

function record(changes: Partial<RequestRecord> = {}): RequestRecord {
  return {
    requestId: "r", startedAt: 0, durationMs: 120, bind: "bind/3000", listener: "l", route: "chat", backend: "openai",
    endpoint: "x:443", clientAddress: "c:1", method: "POST", host: "h", path: "/", httpVersion: "HTTP/1.1", status: 200,
    protocol: "llm", reason: undefined, errorCode: undefined, error: undefined, requestBytes: 5, responseBytes: 700,
    key: { name: "main", source: "env", fingerprint: "f" }, caller: undefined, llm: undefined, ...changes,
  }; // prettier-ignore
}

function llm(requestModel: string, changes: Partial<NonNullable<RequestRecord["llm"]>> = {}) {
  return {
    operation: "chat", system: "openai", requestModel, responseModel: undefined, stream: false, inputTokens: 11,
    outputTokens: 7, cachedInputTokens: undefined, reasoningTokens: undefined, timeToFirstByteMs: 30, ...changes,
  }; // prettier-ignore
}

function measured() {
  const registry = createRegistry();
  const metrics = createRequestMetrics(registry);
  const values = (metric: string, label: string) => {
    const family = registry.snapshot().find(({ name }) => name === `agentgateway_${metric}`);
    const index = family?.labels.indexOf(label) ?? -1;
    return family?.series.map((series) => series.labels[index]);
  };
  return { registry, metrics, values };
}

test("a request is counted with agentgateway's labels and the key's name", () => {
  const { registry, metrics } = measured();
  metrics.record(record());
  metrics.record(record());
  const labels =
    'backend="openai",protocol="llm",method="POST",status="200",reason="Upstream",bind="bind/3000",gateway="bind/3000",' +
    'listener="l",route="chat",route_rule="unknown",key="main"';
  const text = registry.expose();
  expect(text).toContain(`agentgateway_requests_total{${labels}} 2\n`);
  expect(text).toContain(`agentgateway_response_bytes_total{${labels}} 1400\n`);
  expect(text).toContain(`agentgateway_request_duration_seconds_bucket{${labels},le="0.1"} 0\n`);
  expect(text).toContain(`agentgateway_request_duration_seconds_bucket{${labels},le="0.25"} 2\n`);
});

test("retries are counted where there were any, however the request ended", () => {
  const { registry, metrics, values } = measured();
  metrics.record(record({ retries: 0 }));
  expect(values("retries_total", "status")).toEqual([]);
  metrics.record(record({ retries: 2 }));
  metrics.record(record({ retries: 1, status: 503, reason: "UpstreamFailure" }));
  expect(values("retries_total", "status")).toEqual(["200", "503"]);
  expect(registry.expose()).toMatch(/^agentgateway_retries_total\{.*status="200".*\} 2$/m);
});

test("tokens, duration and time to the first token are counted by model", () => {
  const { registry, metrics } = measured();
  metrics.record(record({ llm: llm("gpt-4o", { responseModel: "gpt-4o-2024" }) }));
  const labels =
    'gen_ai_operation_name="chat",gen_ai_system="openai",gen_ai_request_model="gpt-4o",gen_ai_response_model="gpt-4o-2024",' +
    'bind="bind/3000",gateway="bind/3000",listener="l",route="chat",route_rule="unknown",key="main"';
  const text = registry.expose();
  expect(text).toContain(`agentgateway_gen_ai_client_token_usage_sum{gen_ai_token_type="input",${labels}} 11\n`);
  expect(text).toContain(`agentgateway_gen_ai_client_token_usage_sum{gen_ai_token_type="output",${labels}} 7\n`);
  expect(text).toContain(`agentgateway_gen_ai_server_request_duration_sum{${labels}} 0.12\n`);
  expect(text).toContain(`agentgateway_gen_ai_server_time_to_first_token_bucket{${labels},le="0.04"} 1\n`);
});

test("cached input tokens are counted by key, where the provider tells of them", () => {
  const { registry, metrics } = measured();
  metrics.record(record({ llm: llm("gpt-4o") }));
  expect(registry.expose()).not.toContain("\nkeybearer_key_cached_input_tokens_total{");
  for (const cachedInputTokens of [0, 8]) metrics.record(record({ llm: llm("gpt-4o", { cachedInputTokens }) }));
  expect(registry.expose()).toContain('keybearer_key_cached_input_tokens_total{key="main"} 8\n');
});

describe("what a caller chooses stays bounded", () => {
  test("unknown methods and statuses", () => {
    const { metrics, values } = measured();
    for (const method of ["BREW", "X".repeat(1000), "GET"]) metrics.record(record({ method }));
    metrics.record(record({ status: 0 }));
    expect(values("requests_total", "method")).toEqual(["other", "GET", "POST"]);
    expect(values("requests_total", "status")).toEqual(["200", "200", "unknown"]);
  });

  test("a model that no provider answered for is other; 200 others are told apart", () => {
    const { metrics, values } = measured();
    metrics.record(record({ status: 404, llm: llm("made-up") }));
    metrics.record(record({ llm: llm("m".repeat(500)) }));
    expect(values("gen_ai_server_request_duration", "gen_ai_request_model")).toEqual(["other"]);
    for (let index = 0; index < 300; index++) metrics.record(record({ llm: llm(`model-${index}`) }));
    metrics.record(record({ status: 429, llm: llm("model-0") }));
    expect(new Set(values("gen_ai_server_request_duration", "gen_ai_request_model")).size).toBe(201);
  });

  test("what is missing is unknown", () => {
    const { metrics, values } = measured();
    metrics.record(record({ route: undefined, key: undefined, backend: undefined, reason: "NotFound" }));
    for (const label of ["route", "key", "backend"]) expect(values("requests_total", label)).toEqual(["unknown"]);
    expect(values("requests_total", "reason")).toEqual(["NotFound"]);
  });
});

test("connections are counted as they come and go", () => {
  const { registry, metrics } = measured();
  for (let turn = 0; turn < 3; turn++) metrics.connectionOpened("bind/3000");
  metrics.connectionClosed("bind/3000");
  expect(registry.expose()).toContain('agentgateway_downstream_connections_total{bind="bind/3000"} 3\n');
  expect(registry.expose()).toContain('agentgateway_downstream_connections{bind="bind/3000"} 2\n');
});

test("handshakes that fail are counted", () => {
  const { registry, metrics } = measured();
  for (let turn = 0; turn < 2; turn++) metrics.handshakeFailed("bind/8443");
  expect(registry.expose()).toContain('keybearer_tls_handshake_failures_total{bind="bind/8443"} 2\n');
});

test("limits that bite and connections to providers are counted", () => {
  const { registry, metrics } = measured();
  for (let turn = 0; turn < 2; turn++) metrics.limited("upstream_queue_full");
  for (let turn = 0; turn < 3; turn++) metrics.upstreamConnectionOpened("api.openai.com:443");
  metrics.upstreamConnectionClosed("api.openai.com:443");
  expect(registry.expose()).toContain('keybearer_limits_total{limit="upstream_queue_full"} 2\n');
  expect(registry.expose()).toContain('keybearer_upstream_connections{endpoint="api.openai.com:443"} 2\n');
});

test("the process says its version and whether its config is the newest", () => {
  const registry = createRegistry();
  const process = createProcessMetrics(registry, { version: "0.1.0" });
  expect(registry.expose()).toContain("agentgateway_config_synchronized 0\n");
  process.configSynchronized(true);
  expect(registry.expose()).toContain("agentgateway_config_synchronized 1\n");
  expect(registry.expose()).toContain('agentgateway_build_info{version="0.1.0"} 1\n');
});
