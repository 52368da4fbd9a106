import {
  compileSnapshot,
  createUpstreams,
  DefinitionError,
  isCleartext,
  isPrivateHost,
  originOf,
  type BackendDefinition,
  type RoutePolicies,
} from "@keybearer/proxy";
import { openAI } from "@keybearer/providers";
import { describe, expect, onTestFinished, test } from "vitest";
import { ai, credential, host, match, route } from "./definitions.ts";
import { keyCredential } from "./start-proxy.ts";

function compile(backend: BackendDefinition, policies: Partial<RoutePolicies> = {}): void {
  const upstreams = createUpstreams();
  onTestFinished(() => upstreams.close());
  const routes = [route({ backends: [backend], policies })];
  compileSnapshot(
    { binds: [{ name: "bind/0", port: 0, listeners: [{ name: "listener", routes }] }] },
    { providers: [openAI], credential: (id) => (id === "key" ? keyCredential("sk-1") : undefined), upstreams },
  );
}

function refusal(backend: BackendDefinition, policies: Partial<RoutePolicies> = {}): string | undefined {
  try {
    compile(backend, policies);
  } catch (error) {
    if (DefinitionError.is(error)) return error.code;
    throw error;
  }
  return undefined;
}

describe("a host is private by its letters alone", () => {
  const words = (text: string) => text.trim().split(/\s+/);

  test.each(
    words(`
      127.0.0.1 127.255.255.255 10.0.0.1 10.255.0.1 172.16.0.1 172.31.255.255 192.168.0.1 169.254.1.1
      ::1 [::1] fd00:: [fd12:3456::1] fc00::1 [fe80::1] [::ffff:127.0.0.1]
      localhost LOCALHOST api.localhost x.svc vllm.ai.svc x.svc.cluster.local x.internal
    `),
  )("%s is", (name) => expect(isPrivateHost(name)).toBe(true));

  test.each(
    words(`
      8.8.8.8 11.0.0.1 126.0.0.1 128.0.0.1 172.15.0.1 172.32.0.1 192.169.0.1 0.0.0.0
      999.1.1.1 10.0.0.256 10.0.0 10.0.0.1. 0x7f.1 2130706433 010.0.0.1 127.1 127.0.0.01
      example.com localhost.example.com 127.0.0.1.example.com localhosts notlocalhost internal svc .svc xsvc
      x.svc.example.com x.cluster.local internal.example.com fd00.example.com
      [2001:db8::1] 2001:db8::1 [::] fd00 fd00:evil.example.com [::ffff:8.8.8.8] [fd00::1
    `),
  )("%s is not", (name) => expect(isPrivateHost(name)).toBe(false));
});

describe("a key in clear text", () => {
  test.each([
    ["api.example.com:80", true],
    ["8.8.8.8:8080", true],
    ["api.example.com:443", false],
    ["127.0.0.1:80", false],
    ["[::1]:8080", false],
    ["vllm.ai.svc:8000", false],
  ])("to %s would be: %s", (address, expected) => {
    expect(isCleartext(originOf(host({ host: address }), undefined))).toBe(expected);
    for (const backend of [ai({ hostOverride: address }), host({ host: address, credential: credential("key") })])
      expect(refusal(backend)).toBe(expected ? "KEY_IN_CLEARTEXT" : undefined);
  });

  test("is refused for a caller's token as for a key of ours, and for no backend without one", () => {
    expect(
      refusal(
        ai({ hostOverride: "a.test:80", credential: { entries: [{ id: "key", from: { cookie: { name: "k" } } }] } }),
      ),
    ).toBe("KEY_IN_CLEARTEXT");
    expect(refusal(ai({ hostOverride: "a.test:80", credential: undefined }))).toBeUndefined();
    expect(refusal(host({ host: "a.test:80" }))).toBeUndefined();
  });

  test("goes where the operator has said that it may, or where TLS hides it", () => {
    const hostOverride = "a.test:8000";
    expect(refusal(ai({ hostOverride, credential: { ...credential("key"), allowCleartext: true } }))).toBeUndefined();
    expect(refusal(ai({ hostOverride, tls: { insecure: false, insecureHost: false } }))).toBeUndefined();
  });
});

test.each([
  [{ hostOverride: undefined }, "https://api.openai.com:443", "api.openai.com"],
  [{ hostOverride: "Example.com:443" }, "https://example.com:443", "example.com"],
  [{ hostOverride: "localhost:80" }, "http://localhost:80", "localhost"],
  [{ hostOverride: "[::1]:8000" }, "http://[::1]:8000", "[::1]:8000"],
  [
    { hostOverride: "a.test:8443", tls: { insecure: false, insecureHost: false } },
    "https://a.test:8443",
    "a.test:8443",
  ],
])("the origin of %j is %s, its Host %s", (parts, url, authority) => {
  const { hostOverride, ...rest } = parts;
  const backend = { ...ai({ hostOverride: "", ...rest }), hostOverride };
  expect(originOf(backend, openAI.origin)).toMatchObject({ url, authority });
});

describe("a request header modifier", () => {
  const modifiers = (name: string) => [
    { set: [[name, "x"] as const], add: [], remove: [] },
    { set: [], add: [[name, "x"] as const], remove: [] },
    { set: [], add: [], remove: [name] },
  ];
  const hostOverride = "127.0.0.1:1";

  test("on the header where the key is placed is refused, at each level", () => {
    for (const modifier of modifiers("AUTHORIZATION")) {
      expect(refusal(ai({ hostOverride }), { requestHeaders: modifier })).toBe("MODIFIER_ON_CREDENTIAL");
      expect(refusal(ai({ hostOverride, requestHeaders: [modifier] }))).toBe("MODIFIER_ON_CREDENTIAL");
    }
  });

  test("on the header of a named location is refused, and on Authorization then allowed", () => {
    const entry = { id: "key", location: { header: { name: "Api-Key" } } };
    const cookie = { id: "key", location: { cookie: { name: "c" } } };
    for (const modifier of modifiers("api-key"))
      expect(refusal(ai({ hostOverride, credential: { entries: [entry] } }), { requestHeaders: modifier })).toBe(
        "MODIFIER_ON_CREDENTIAL",
      );
    for (const modifier of modifiers("cookie"))
      expect(refusal(ai({ hostOverride, credential: { entries: [cookie] } }), { requestHeaders: modifier })).toBe(
        "MODIFIER_ON_CREDENTIAL",
      );
    for (const modifier of modifiers("authorization"))
      expect(
        refusal(ai({ hostOverride, credential: { entries: [entry] } }), { requestHeaders: modifier }),
      ).toBeUndefined();
  });

  test("on any header of a backend without a key is allowed, and so is one on an answer", () => {
    for (const modifier of modifiers("authorization")) {
      expect(refusal(ai({ hostOverride, credential: undefined }), { requestHeaders: modifier })).toBeUndefined();
      expect(refusal(ai({ hostOverride }), { responseHeaders: modifier })).toBeUndefined();
    }
  });
});

test.each([
  ["UNKNOWN_PROVIDER", ai({ hostOverride: "127.0.0.1:1", provider: "nobody" }), {}],
  ["UNKNOWN_CREDENTIAL", ai({ hostOverride: "127.0.0.1:1", credential: credential("lost") }), {}],
  [
    "INVALID_TLS",
    host({ host: "a.test:443", tls: { root: "no PEM", insecure: false, insecureHost: false, cert: "x" } }),
    {},
  ],
] as const)("what cannot be compiled is a DefinitionError: %s", (code, backend, policies) => {
  expect(refusal(backend, policies)).toBe(code);
});

test("a regular expression that RE2 does not know is a DefinitionError", () => {
  const upstreams = createUpstreams();
  for (const matches of [
    [match({ path: { regex: "(a" } })],
    [match({ path: { regex: "(a)\\1" } })],
    [match({ headers: [{ name: "x", value: { regex: "(?=a)" } }] })],
    [match({ query: [{ name: "x", value: { regex: "[" } }] })],
  ]) {
    const definition = { binds: [{ name: "b", port: 0, listeners: [{ name: "l", routes: [route({ matches })] }] }] };
    expect(() => compileSnapshot(definition, { providers: [], credential: () => undefined, upstreams })).toThrow(
      expect.objectContaining({ code: "INVALID_REGEX" }),
    );
  }
});
