import { headerPlacement, openAI, queryPlacement } from "@keybearer/providers";
import { createSeal } from "@keybearer/secrets";
import { startSimulator, type SimulatorOptions } from "@keybearer/simulator";
import { Pool } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { checkKey } from "./check-key.ts";
import type { KeyTarget } from "./targets.ts";

const seal = createSeal({ source: "test", clock: { now: () => 0 } });

async function providerWith(options: SimulatorOptions, more: Partial<KeyTarget> = {}) {
  const simulator = await startSimulator(options);
  const dispatcher = new Pool(simulator.origin);
  onTestFinished(async () => {
    await dispatcher.destroy();
    await simulator.close();
  });
  const target: KeyTarget = {
    keyring: "keys:1",
    backend: "openai",
    provider: openAI,
    origin: {
      protocol: "http:",
      hostname: "127.0.0.1",
      port: simulator.port,
      endpoint: simulator.host,
      authority: simulator.host,
      url: simulator.origin,
    },
    tls: undefined,
    allowCleartext: false,
    basePath: "/v1",
    isProvidersOwn: false,
    placement: openAI.placement,
    beside: [],
    modifiers: [],
    ...more,
  };
  return { simulator, dispatcher, target };
}

test("a good key authenticates, by one call that costs nothing", async () => {
  const { simulator, ...way } = await providerWith({ keys: ["sk-good"] }, { isProvidersOwn: true });
  expect(await checkKey({ ...way, version: seal("sk-good") })).toEqual({
    authenticates: "yes",
    mayGenerate: "unknown",
    detail: "it may list models",
    isOpen: false,
  });
  expect(simulator.requests.map(({ method, path }) => `${method} ${path}`)).toEqual(["GET /v1/models"]);
});

test("a refused key does not, and nothing of the refusal is repeated", async () => {
  const { target, dispatcher } = await providerWith({ keys: ["sk-good"], echoKey: true });
  const checked = await checkKey({ target, dispatcher, version: seal("sk-canary-refused") });
  expect(checked).toMatchObject({ authenticates: "no", mayGenerate: "no", isOpen: false });
  expect(JSON.stringify(checked)).not.toContain("canary");
});

test("a key without money authenticates, and may generate nothing", async () => {
  const { target, dispatcher } = await providerWith({ keys: [{ key: "sk-poor", insufficientQuota: true }] });
  const checked = await checkKey({ target, dispatcher, version: seal("sk-poor") });
  expect(checked).toMatchObject({ authenticates: "yes", mayGenerate: "no" });
});

test("a key of another provider is not sent to the provider's own address, and to one of the operator's it is", async () => {
  const { simulator, target, dispatcher } = await providerWith({});
  const version = seal("sk-ant-api03-of-another-house");
  const own = await checkKey({ target: { ...target, isProvidersOwn: true }, dispatcher, version });
  expect(own).toMatchObject({ authenticates: "no", detail: expect.stringContaining("anthropic") });
  expect(simulator.requests).toEqual([]);
  await checkKey({ target, dispatcher, version });
  expect(simulator.keysSeen).toContain("sk-ant-api03-of-another-house");
});

test("a server that lists its models to anyone tells nothing of a key", async () => {
  const { simulator, target, dispatcher } = await providerWith({ anonymous: true });
  const checked = await checkKey({ target, dispatcher, version: seal("sk-any") });
  expect(checked).toMatchObject({ authenticates: "unknown", mayGenerate: "unknown", isOpen: false });
  expect(simulator.requests.map(({ key }) => key)).toEqual(["sk-any", undefined]);
});

test("no key leaves unencrypted for a host that is not private, unless that is allowed", async () => {
  const { simulator, target, dispatcher } = await providerWith({});
  const origin = { ...target.origin, hostname: "provider.example", endpoint: "provider.example:80" };
  const version = seal("sk-any");
  expect(await checkKey({ target: { ...target, origin }, dispatcher, version })).toMatchObject({
    authenticates: "unknown",
    detail: expect.stringContaining("unencrypted"),
  });
  expect(simulator.requests).toEqual([]);
  await checkKey({ target: { ...target, origin, allowCleartext: true }, dispatcher, version });
  expect(simulator.keysSeen).toEqual(["sk-any"]);
});

test("it goes the way of the traffic: path prefix, placement, what stands beside it, modifiers", async () => {
  const beside = { placement: headerPlacement("x-outer"), version: seal("outer-key") };
  const { simulator, target, dispatcher } = await providerWith(
    { basePaths: ["/proxy/openai"], keys: ["sk-good"] },
    {
      basePath: "/proxy/openai",
      placement: queryPlacement("key"),
      isProvidersOwn: true,
      modifiers: [{ set: [["OpenAI-Organization", "org-1"]], add: [["content-length", "7"]], remove: ["accept"] }],
    },
  );
  const checked = await checkKey({ target, dispatcher, version: seal("sk-good"), beside: [beside] });
  expect(checked.authenticates).toBe("yes");
  const [request] = simulator.requests;
  expect(request).toMatchObject({ path: "/proxy/openai/models", query: "key=sk-good" });
  expect(request!.headers).toMatchObject({
    host: simulator.host,
    "x-outer": "outer-key",
    "openai-organization": "org-1",
  });
  expect(request!.headers).not.toHaveProperty("accept");
  expect(request!.headers).not.toHaveProperty("authorization");
});

test("a redirect is not followed", async () => {
  const { simulator, target, dispatcher } = await providerWith({});
  simulator.fault({ kind: "redirect", location: `${simulator.origin}/v1/models` });
  expect(await checkKey({ target, dispatcher, version: seal("sk-any") })).toMatchObject({ isOpen: true });
  expect(simulator.requests).toHaveLength(1);
});

test("no answer, a broken one and none in time leave the question open", async () => {
  const { simulator, target, dispatcher } = await providerWith({});
  const version = seal("sk-any");
  simulator.fault([{ kind: "reset-before-head" }, { kind: "garbage" }, { kind: "stall-before-head" }]);
  for (const limitMs of [5000, 5000, 200]) {
    const checked = await checkKey({ target, dispatcher, version, limitMs });
    expect(checked).toMatchObject({ authenticates: "unknown", mayGenerate: "unknown", isOpen: true });
    if (limitMs === 200) expect(checked.detail).toBe(`${simulator.host}: no answer within 0.2 s`);
  }
});

test("a provider without a free call, and a plain host, are not asked", async () => {
  const { simulator, target, dispatcher } = await providerWith({});
  const { name, system, schema, origin, basePath, dialect, placement } = openAI;
  for (const provider of [undefined, { name, system, schema, origin, basePath, dialect, placement }]) {
    const checked = await checkKey({ target: { ...target, provider }, dispatcher, version: seal("sk-any") });
    expect(checked).toMatchObject({ authenticates: "unknown", isOpen: false });
  }
  expect(simulator.requests).toEqual([]);
});
