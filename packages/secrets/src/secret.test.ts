import { inspect } from "node:util";
import { MessageChannel } from "node:worker_threads";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { createSeal, resealVersion, Secret, systemClock } from "./index.ts";

const KEY = "sk-very-secret-0123456789";
const seal = createSeal({ source: "test", clock: { now: () => 1_700_000_000_000 } });
const shown = /^\[secret [0-9a-f]{8}\]$/;

describe("a Secret", () => {
  const { secret } = seal(KEY);

  test("tells whether a text is this one", () => {
    expect([secret.matches(KEY), secret.matches(`${KEY}0`), secret.matches("")]).toEqual([true, false, false]);
  });

  test("reveals its value when asked to", () => {
    expect(secret.reveal()).toBe(KEY);
  });

  test.each<[string, () => string]>([
    ["String()", () => String(secret)],
    ["a template", () => String.raw`${secret}`],
    ["a join", () => [secret].join("")],
    ["its primitive", () => secret[Symbol.toPrimitive]()],
    ["inspect", () => inspect(secret)],
    ["inspect of hidden things", () => inspect(secret, { showHidden: true, getters: true })],
    ["JSON", () => JSON.stringify({ secret }).slice(11, -2)],
  ])("is [secret ...] in %s", (_name, print) => {
    expect(print()).toMatch(shown);
  });

  test.each<[string, () => string]>([
    [
      "inspect without its own printer",
      () => inspect(secret, { customInspect: false, showHidden: true, getters: true }),
    ],
    ["an error's cause", () => inspect(new Error("x", { cause: { secret } }))],
    ["its keys", () => Reflect.ownKeys(secret).join()],
    ["a structured clone", () => inspect(structuredClone(secret))],
    ["a number", () => String(Number(secret))],
  ])("is not to be read from %s", (_name, print) => {
    expect(print()).not.toContain("very-secret");
  });

  test("does not cross a message port", async () => {
    const { port1, port2 } = new MessageChannel();
    port1.postMessage({ secret });
    const received = await once(port2, "message");
    port1.close();
    expect(inspect(received)).not.toContain("very-secret");
  });

  test("cannot be made or changed by hand", () => {
    expect(() => new Secret(Symbol("secret"), KEY, "00000000")).toThrow(TypeError);
    expect(() => Object.assign(secret, { fingerprint: "x" })).toThrow(TypeError);
  });

  test("has a fingerprint that is the start of an HMAC-SHA-256 under the published key", () => {
    // printf %s sk-very-secret-0123456789 | openssl dgst -sha256 -hmac keybearer
    expect(secret.fingerprint).toBe("55a1bc32");
    const other = createSeal({ source: "test", clock: systemClock, fingerprintKey: "ours" })(KEY);
    expect(other.secret.fingerprint).not.toBe(secret.fingerprint);
  });

  test("is compared by value", () => {
    expect(Secret.equal(secret, seal(KEY).secret)).toBe(true);
    expect(Secret.equal(secret, seal(`${KEY}x`).secret)).toBe(false);
  });
});

describe("a version", () => {
  test("has an id that grows, a time, and what the options say", () => {
    const first = seal("a");
    const second = seal("b", { expiresAt: 5, parts: { token: "c" } });
    expect(second.id).toBeGreaterThan(first.id);
    expect(first).toEqual({ id: first.id, secret: first.secret, obtainedAt: 1_700_000_000_000 });
    expect(second.expiresAt).toBe(5);
    expect(second.parts?.["token"]?.reveal()).toBe("c");
    expect(inspect(second)).not.toContain('"c"');
  });

  test("names the part that is no key", () => {
    expect(() => seal("a", { parts: { token: "" } })).toThrow(
      expect.objectContaining({ code: "SECRET_EMPTY", found: "token, nothing" }),
    );
  });

  test("is the same after a channel between threads", () => {
    const version = seal(KEY, { expiresAt: 7, parts: { token: "c" } });
    const lay = (secret: Secret) => ({ value: secret.reveal(), fingerprint: secret.fingerprint });
    const { id, obtainedAt, expiresAt, parts } = version;
    const revealed = { ...lay(version.secret), id, obtainedAt, expiresAt, parts: { token: lay(parts!["token"]!) } };
    const again = resealVersion(structuredClone(revealed));
    expect({ ...again, secret: String(again.secret) }).toEqual({ ...version, secret: String(version.secret) });
    expect(Secret.equal(again.secret, version.secret)).toBe(true);
    expect(again.parts?.["token"]?.reveal()).toBe("c");
  });
});
