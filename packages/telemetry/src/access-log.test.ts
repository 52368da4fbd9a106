import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { accessLogLine, type RequestRecord } from "./index.ts";

const record: RequestRecord = {
  requestId: "req-1",
  startedAt: Date.UTC(2026, 10, 24, 20, 0, 0),
  durationMs: 12.4,
  bind: "bind/3000",
  listener: "listener0",
  route: "route0",
  backend: "openai",
  endpoint: "api.openai.com:443",
  clientAddress: "127.0.0.1:54140",
  method: "POST",
  host: "localhost:3000",
  path: "/v1/chat/completions",
  httpVersion: "HTTP/1.1",
  status: 200,
  protocol: "llm",
  reason: undefined,
  errorCode: undefined,
  error: undefined,
  requestBytes: 10,
  responseBytes: 20,
  key: { name: "main", source: "env", fingerprint: "3f9a1c07" },
  llm: {
    operation: "chat",
    system: "openai",
    requestModel: "gpt-4o-mini",
    responseModel: "gpt-4o-mini-2024-07-18",
    stream: false,
    inputTokens: 11,
    outputTokens: 7,
    cachedInputTokens: 0,
    reasoningTokens: undefined,
    timeToFirstByteMs: 8.25,
  },
  caller: { user: "ada", team: { id: 7 } },
};

const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 20 }),
  fc
    .array(
      fc.constantFrom(
        "\u001b[2J",
        "\n",
        "\r",
        '"',
        "\\",
        "\u009b31m",
        "\u2028",
        "\u202e",
        "\ud800",
        "=",
        " ",
        "\0",
        "é",
      ),
    )
    .map((parts) => parts.join("")),
);

const hostileRecord = fc
  .record({
    text: fc.tuple(hostile, hostile, hostile, hostile),
    optional: fc.option(hostile, { nil: undefined }),
    number: fc.double(),
    caller: fc.dictionary(hostile, fc.oneof(hostile, fc.jsonValue(), fc.constant(10n), fc.constant(undefined)), {
      maxKeys: 3,
    }),
  })
  .map(({ text: [a, b, c, d], optional, number, caller }): RequestRecord => ({
    ...record,
    requestId: a,
    method: b,
    path: c,
    host: optional,
    error: d,
    route: optional,
    durationMs: number,
    key: { name: a, source: b, fingerprint: c },
    llm: { ...record.llm!, requestModel: d, inputTokens: number },
    caller,
  }));

// What moves a terminal's cursor, breaks a line or turns the reading direction.
const DANGEROUS = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069]/u;

describe("as JSON", () => {
  test("a line carries agentgateway's names and which key served", () => {
    expect(JSON.parse(accessLogLine(record, "json"))).toEqual({
      level: "info",
      time: "2026-11-24T20:00:00.012Z",
      scope: "request",
      gateway: "bind/3000",
      listener: "listener0",
      route: "route0",
      endpoint: "api.openai.com:443",
      "src.addr": "127.0.0.1:54140",
      "http.method": "POST",
      "http.host": "localhost:3000",
      "http.path": "/v1/chat/completions",
      "http.version": "HTTP/1.1",
      "http.status": 200,
      protocol: "llm",
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "gpt-4o-mini",
      "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
      "gen_ai.usage.input_tokens": 11,
      "gen_ai.usage.cache_read.input_tokens": 0,
      "gen_ai.usage.output_tokens": 7,
      "agw.ai.time_to_first_token": 0.00825,
      "request.id": "req-1",
      "key.name": "main",
      "key.source": "env",
      "key.fingerprint": "3f9a1c07",
      "caller.user": "ada",
      "caller.team": { id: 7 },
      duration: "12ms",
    });
  });

  test("what went wrong is told by error, reason and code", () => {
    const failed = { ...record, llm: undefined, key: undefined, caller: undefined, status: 502, error: "refused" };
    const line = accessLogLine({ ...failed, reason: "UpstreamFailure", errorCode: "UPSTREAM_CONNECT" }, "json");
    expect(JSON.parse(line)).toMatchObject({
      "http.status": 502,
      error: "refused",
      reason: "UpstreamFailure",
      "error.code": "UPSTREAM_CONNECT",
    });
    expect(line).not.toContain("gen_ai");
  });

  test("any text comes back as it was, from one line of harmless characters", () => {
    fc.assert(
      fc.property(hostileRecord, (record) => {
        const line = accessLogLine(record, "json");
        expect(line).not.toMatch(DANGEROUS);
        const fields = JSON.parse(line);
        expect(fields["request.id"]).toBe(record.requestId);
        expect(fields["http.method"]).toBe(record.method);
        expect(fields["http.path"]).toBe(record.path);
        expect(fields["http.host"]).toBe(record.host);
        expect(fields.error).toBe(record.error);
        for (const [name, value] of Object.entries(record.caller!)) {
          if (typeof value === "string") expect(fields[`caller.${name}`]).toBe(value);
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("as text", () => {
  test("a line begins with time and level, then name=value as logfmt has it", () => {
    const line = accessLogLine({ ...record, path: '/a b"c=d', llm: undefined, error: "" }, "text");
    expect(line).toBe(
      "2026-11-24T20:00:00.012Z\tinfo\trequest gateway=bind/3000 listener=listener0 route=route0 " +
        "endpoint=api.openai.com:443 src.addr=127.0.0.1:54140 http.method=POST http.host=localhost:3000 " +
        String.raw`http.path="/a b\"c=d" http.version=HTTP/1.1 http.status=200 protocol=llm error="" request.id=req-1 ` +
        String.raw`key.name=main key.source=env key.fingerprint=3f9a1c07 caller.user=ada caller.team="{\"id\":7}" duration=12ms`,
    );
  });

  test("no text from a stranger breaks the line, forges a field or moves the cursor", () => {
    fc.assert(
      fc.property(hostileRecord, (record) => {
        const [time, level, ...rest] = accessLogLine(record, "text").split("\t");
        expect([level, rest.length, Number.isNaN(Date.parse(time!))]).toEqual(["info", 1, false]);
        expect(rest[0]).not.toMatch(DANGEROUS);
        const fields = rest[0]!.slice("request ".length).match(/[^\s="]+=(?:"(?:[^"\\]|\\.)*"|[^\s="]+)/g)!;
        expect(`request ${fields.join(" ")}`).toBe(rest[0]);
        expect(fields.filter((field) => field.startsWith("http.path="))).toHaveLength(1);
        const path = fields.find((field) => field.startsWith("http.path="))!.slice("http.path=".length);
        expect(path.startsWith('"') ? JSON.parse(path) : path).toBe(record.path);
      }),
      { numRuns: 300 },
    );
  });
});

test("the time to the first byte is the number of seconds, rounded to the microsecond", () => {
  const llm = record.llm!;
  const told = (timeToFirstByteMs: number) => {
    const line = accessLogLine({ ...record, llm: { ...llm, timeToFirstByteMs } }, "json");
    return /"agw.ai.time_to_first_token":([^,]*)/.exec(line)?.[1];
  };
  for (const ms of [0, 0.0004, 0.001, 1, 1000, 59_999.9996, 1e13, 1e16, -1.5]) {
    expect(told(ms)).toBe(String(Math.round(ms * 1000) / 1_000_000));
  }
  for (const ms of [Number.NaN, Infinity]) expect(told(ms)).toBe("null");
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e7, noNaN: true }), (ms) => {
      expect(told(ms)).toBe(String(Math.round(ms * 1000) / 1_000_000));
    }),
  );
});

test("a line says what its own request says, though it is as the one before but for one thing", () => {
  const changes: Partial<RequestRecord>[] = [
    { route: "route1" },
    { endpoint: undefined },
    { status: 201 },
    { host: undefined },
    { llm: { ...record.llm!, requestModel: "o4" } },
    { key: { ...record.key!, fingerprint: "00000000" } },
    { key: undefined },
  ];
  const line = accessLogLine(record, "json");
  for (const change of changes) {
    const changed: RequestRecord = { ...record, ...change };
    const alone = JSON.stringify(JSON.parse(accessLogLine(changed, "json")));
    expect(alone).not.toBe(JSON.stringify(JSON.parse(line)));
    expect(accessLogLine(record, "json")).toBe(line);
    expect(JSON.stringify(JSON.parse(accessLogLine(changed, "json")))).toBe(alone);
  }
});
