/** Every scenario, in the order of the table. */
import { chatRequest } from "../upstream/payloads.ts";
import { costScenario } from "./cost.ts";
import { latency } from "./latency.ts";
import { recovery } from "./recovery.ts";
import type { Scenario } from "./scenario.ts";
import { shed } from "./shed.ts";
import { start } from "./start.ts";
import { streams } from "./streams.ts";
import { workers } from "./workers.ts";

const askForStream = { stream: true, stream_options: { include_usage: true } };

export const scenarios: readonly Scenario[] = [
  costScenario({
    name: "json",
    question: "a chat request of 350 B, an answer of 700 B",
    goal: "at most 1.6",
    mode: { kind: "json" },
    body: chatRequest(350),
    warmUpAnswers: 30_000,
  }),
  costScenario({
    name: "json-tls",
    question: "the same over TLS to the upstream",
    goal: "at most what json adds, and 10 % more",
    mode: { kind: "json" },
    body: chatRequest(350),
    warmUpAnswers: 30_000,
    secures: true,
  }),
  costScenario({
    name: "sse-100",
    question: "a stream of 100 events, written one by one without a pause",
    goal: "at most 1.0",
    mode: { kind: "events", everyMs: 0 },
    body: chatRequest(350, askForStream),
    warmUpAnswers: 2_000,
  }),
  costScenario({
    name: "sse-filter",
    question: "the same for a client that did not ask for usage: ours asks for it and takes it out",
    mode: { kind: "events", everyMs: 0 },
    body: chatRequest(350, { stream: true }),
    warmUpAnswers: 2_000,
  }),
  costScenario({
    name: "sse-drip",
    question: "a stream of 100 events, one each 2 ms",
    goal: "at most 1.6",
    mode: { kind: "events", everyMs: 2 },
    body: chatRequest(350, askForStream),
    warmUpAnswers: 2_000,
  }),
  costScenario({
    name: "body-16k",
    question: "a chat request of 16 kB",
    goal: "at most 1.2",
    mode: { kind: "json" },
    body: chatRequest(16_500),
    warmUpAnswers: 10_000,
  }),
  costScenario({
    name: "body-256k",
    question: "a chat request of 256 kB",
    goal: "at most 1.2",
    mode: { kind: "json" },
    body: chatRequest(256 * 1024),
    warmUpAnswers: 3_000,
  }),
  streams,
  workers,
  latency,
  shed,
  start,
  recovery,
];
