/** The gateway's own metrics, with agentgateway's names and labels, and the key's name beside them. */
import { OTHER } from "./family.ts";
import { LabelTree } from "./label-tree.ts";
import type { LlmFacts, RequestRecord } from "./record.ts";
import type { Counter, Gauge, Histogram, Registry } from "./registry.ts";

export interface RequestMetrics {
  /** For the request path: never throws. */
  record(record: RequestRecord): void;
  connectionOpened(bind: string): void;
  connectionClosed(bind: string): void;
  handshakeFailed(bind: string): void;
  /** A limit was reached; `limit` is its name. */
  limited(limit: string): void;
  /** `endpoint` is `host:port`. */
  upstreamConnectionOpened(endpoint: string): void;
  upstreamConnectionClosed(endpoint: string): void;
}

export interface ProcessMetrics {
  /** Whether the config that runs is the newest one that was given. */
  configSynchronized(yes: boolean): void;
}

const HTTP_LABELS = [
  "backend", "protocol", "method", "status", "reason", "bind", "gateway", "listener", "route", "route_rule", "key",
]; // prettier-ignore
const GEN_AI_LABELS = [
  "gen_ai_operation_name", "gen_ai_system", "gen_ai_request_model", "gen_ai_response_model",
  "bind", "gateway", "listener", "route", "route_rule", "key",
]; // prettier-ignore

// The bounds that OpenTelemetry's semantic conventions name for generative AI; agentgateway uses the same.
const TOKENS = Array.from({ length: 14 }, (_, power) => 4 ** power);
const MODEL_SECONDS = Array.from({ length: 14 }, (_, power) => 2 ** power / 100);
const FIRST_TOKEN_SECONDS = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"]);
const UNKNOWN = "unknown";
const MODEL_LIMIT = 200;
const MODEL_LENGTH_LIMIT = 128;

interface HttpHandles {
  readonly requests: Counter;
  readonly seconds: Histogram;
  readonly responseBytes: Counter;
}

interface GenAiHandles {
  readonly inputTokens: Histogram;
  readonly outputTokens: Histogram;
  readonly seconds: Histogram;
  readonly firstTokenSeconds: Histogram;
}

export function createRequestMetrics(registry: Registry): RequestMetrics {
  const httpHandles = cached(httpMetrics(registry));
  const genAiHandles = cached(genAiMetrics(registry));
  const modelName = boundedModels();
  const connections = connectionMetrics(registry);
  const handshakes = handshakeMetric(registry);
  const upstreamConnections = upstreamConnectionMetric(registry);
  const limits = limitMetric(registry);
  const attempts = attemptMetric(registry);
  const retries = retryMetric(registry);
  const cachedInputTokens = cachedTokensMetric(registry);

  return {
    record(record) {
      const labels = httpValues(record);
      const http = httpHandles(labels);
      http.requests.add();
      http.seconds.observe(record.durationMs / 1000);
      http.responseBytes.add(record.responseBytes);
      countAttempts(record, attempts);
      if (record.retries) retries(labels).add(record.retries);
      const { llm } = record;
      if (llm === undefined) return;
      const genAi = genAiHandles(genAiValues(record, llm, modelName));
      if (llm.inputTokens !== undefined) genAi.inputTokens.observe(llm.inputTokens);
      if (llm.outputTokens !== undefined) genAi.outputTokens.observe(llm.outputTokens);
      if (llm.cachedInputTokens !== undefined)
        cachedInputTokens([record.key?.name ?? UNKNOWN]).add(llm.cachedInputTokens);
      genAi.seconds.observe(record.durationMs / 1000);
      if (llm.timeToFirstByteMs !== undefined) genAi.firstTokenSeconds.observe(llm.timeToFirstByteMs / 1000);
    },
    connectionOpened(bind) {
      const { opened, open } = connections(bind);
      opened.add();
      open.add(1);
    },
    connectionClosed: (bind) => connections(bind).open.add(-1),
    handshakeFailed: (bind) => handshakes([bind]).add(),
    limited: (limit) => limits([limit]).add(),
    upstreamConnectionOpened: (endpoint) => upstreamConnections([endpoint]).add(1),
    upstreamConnectionClosed: (endpoint) => upstreamConnections([endpoint]).add(-1),
  };
}

/** Set once a process, by the main thread: gauges of several threads are added up. */
export function createProcessMetrics(registry: Registry, build: { readonly version: string }): ProcessMetrics {
  const info = registry.gauge({
    name: "agentgateway_build_info",
    help: "The running version; always 1.",
    labels: ["version"],
  });
  info.labels(build.version).set(1);
  const synchronized = registry
    .gauge({
      name: "agentgateway_config_synchronized",
      help: "1 while the newest config given is the one that runs, else 0.",
    })
    .labels();
  synchronized.set(0);
  return { configSynchronized: (yes) => synchronized.set(yes ? 1 : 0) };
}

function attemptMetric(registry: Registry): (values: readonly string[]) => Counter {
  const metric = registry.counter({
    name: "keybearer_key_attempts_total",
    help: "Answers of providers to a key, those that another key or version healed included.",
    labels: ["key", "status"],
  });
  return cached((values) => metric.labels(...values));
}

function retryMetric(registry: Registry): (values: readonly string[]) => Counter {
  const metric = registry.counter({
    name: "agentgateway_retries_total",
    help: "How often requests were sent again because a provider had failed them.",
    labels: HTTP_LABELS,
  });
  return cached((values) => metric.labels(...values));
}

function cachedTokensMetric(registry: Registry): (values: readonly string[]) => Counter {
  const metric = registry.counter({
    name: "keybearer_key_cached_input_tokens_total",
    help: "Input tokens that the provider had in its cache, as it counted them.",
    labels: ["key"],
  });
  return cached((values) => metric.labels(...values));
}

/** A key that was passed over, and not sent, has status 0. */
function countAttempts(
  { attempts = [], key, reason, status }: RequestRecord,
  counter: (values: readonly string[]) => Counter,
): void {
  for (const attempt of attempts) if (attempt.status > 0) counter([attempt.key, String(attempt.status)]).add();
  const last = attempts.at(-1);
  const wasRefused = last?.key === key?.name && last?.status === status;
  if (key !== undefined && reason === undefined && !wasRefused) counter([key.name, String(status)]).add();
}

function httpMetrics(registry: Registry): (values: readonly string[]) => HttpHandles {
  const labels = HTTP_LABELS;
  const requests = registry.counter({ name: "agentgateway_requests_total", help: "Requests answered.", labels });
  const seconds = registry.histogram({
    name: "agentgateway_request_duration_seconds",
    help: "From the head of a request to the end of its answer.",
    labels,
    buckets: REQUEST_SECONDS,
  });
  const responseBytes = registry.counter({
    name: "agentgateway_response_bytes_total",
    help: "Bytes of answers' bodies sent to clients.",
    labels,
  });
  return (values) => ({
    requests: requests.labels(...values),
    seconds: seconds.labels(...values),
    responseBytes: responseBytes.labels(...values),
  });
}

function genAiMetrics(registry: Registry): (values: readonly string[]) => GenAiHandles {
  const tokens = registry.histogram({
    name: "agentgateway_gen_ai_client_token_usage",
    help: "Tokens of a request, as the provider counted them.",
    labels: ["gen_ai_token_type", ...GEN_AI_LABELS],
    buckets: TOKENS,
  });
  const seconds = registry.histogram({
    name: "agentgateway_gen_ai_server_request_duration",
    help: "Seconds from a request to the end of its answer.",
    labels: GEN_AI_LABELS,
    buckets: MODEL_SECONDS,
  });
  const firstTokenSeconds = registry.histogram({
    name: "agentgateway_gen_ai_server_time_to_first_token",
    help: "Seconds from a request to the first byte of its answer.",
    labels: GEN_AI_LABELS,
    buckets: FIRST_TOKEN_SECONDS,
  });
  return (values) => ({
    inputTokens: tokens.labels("input", ...values),
    outputTokens: tokens.labels("output", ...values),
    seconds: seconds.labels(...values),
    firstTokenSeconds: firstTokenSeconds.labels(...values),
  });
}

function connectionMetrics(registry: Registry): (bind: string) => { readonly opened: Counter; readonly open: Gauge } {
  const opened = registry.counter({
    name: "agentgateway_downstream_connections_total",
    help: "Connections accepted from clients.",
    labels: ["bind"],
  });
  const open = registry.gauge({
    name: "agentgateway_downstream_connections",
    help: "Connections from clients that are open now.",
    labels: ["bind"],
  });
  const handles = cached(([bind = UNKNOWN]) => ({ opened: opened.labels(bind), open: open.labels(bind) }));
  return (bind) => handles([bind]);
}

function handshakeMetric(registry: Registry): (values: readonly string[]) => Counter {
  const metric = registry.counter({
    name: "keybearer_tls_handshake_failures_total",
    help: "Clients that did not come through the TLS handshake.",
    labels: ["bind"],
  });
  return cached((values) => metric.labels(...values));
}

function upstreamConnectionMetric(registry: Registry): (values: readonly string[]) => Gauge {
  const metric = registry.gauge({
    name: "keybearer_upstream_connections",
    help: "Connections to providers that are open now.",
    labels: ["endpoint"],
  });
  return cached((values) => metric.labels(...values));
}

function limitMetric(registry: Registry): (values: readonly string[]) => Counter {
  const metric = registry.counter({
    name: "keybearer_limits_total",
    help: "How often a limit was reached.",
    labels: ["limit"],
  });
  return cached((values) => metric.labels(...values));
}

/** The handles of the same label values are made once. */
function cached<T>(make: (values: readonly string[]) => T): (values: readonly string[]) => T {
  const tree = new LabelTree<T>();
  let last: { readonly values: readonly string[]; readonly handle: T } | undefined;
  return (values) => {
    // Most requests are as the one before, and that is seen faster than they are looked up.
    if (last && isSame(values, last.values)) return last.handle;
    let handle = tree.get(values);
    if (handle === undefined) {
      handle = make(values);
      tree.set(values, handle);
    }
    last = { values, handle };
    return handle;
  };
}

function isSame(values: readonly string[], others: readonly string[]): boolean {
  for (let index = 0; index < values.length; index++) if (values[index] !== others[index]) return false;
  return true;
}

function httpValues(record: RequestRecord): string[] {
  const method = METHODS.has(record.method) ? record.method : OTHER;
  const status = record.status >= 100 && record.status <= 599 ? String(record.status) : UNKNOWN;
  const reason = record.reason ?? "Upstream";
  const { backend = UNKNOWN, protocol } = record;
  return [backend, protocol, method, status, reason, ...placeValues(record)];
}

function genAiValues(record: RequestRecord, llm: LlmFacts, modelName: ReturnType<typeof boundedModels>): string[] {
  // A caller can name any model; only those that a provider has answered for get a series of their own.
  const answered = record.status < 400;
  const requestModel = modelName(llm.requestModel, answered);
  const responseModel = modelName(llm.responseModel, answered);
  return [llm.operation, llm.system, requestModel, responseModel, ...placeValues(record)];
}

function placeValues({ bind, listener = UNKNOWN, route = UNKNOWN, key }: RequestRecord): string[] {
  return [bind, bind, listener, route, UNKNOWN, key?.name ?? UNKNOWN];
}

function boundedModels(): (model: string | undefined, answered: boolean) => string {
  const known = new Set<string>();
  return (model, answered) => {
    if (model === undefined) return UNKNOWN;
    if (known.has(model)) return model;
    if (!answered || known.size >= MODEL_LIMIT || model.length > MODEL_LENGTH_LIMIT) return OTHER;
    known.add(model);
    return model;
  };
}
