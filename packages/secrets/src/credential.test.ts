import { expect, test } from "vitest";
import { createSeal, handleCredential, staticHandle, systemClock, type RequestFacts } from "./index.ts";

const facts: RequestFacts = { header: () => undefined, query: () => undefined, cookie: () => undefined };
const seal = createSeal({ source: "inline", clock: systemClock });

test("every request gets the handle's current version, under the key's name", () => {
  let version = seal("one");
  const handle = { ...staticHandle(version), current: () => version };
  const credential = handleCredential({ name: "openai", source: "inline", handle });
  const lease = credential.acquire(facts, []);
  expect(lease).toMatchObject({ name: "openai", source: "inline", version });
  lease.release({ kind: "answered", status: 200 });
  expect(credential.acquire(facts, ["openai"]).version).toBe(version);
  version = seal("two");
  expect(credential.acquire(facts, []).version).toBe(version);
  expect(lease.version.secret.reveal()).toBe("one");
});

test("a version that expires is not taken for one that cannot change", () => {
  expect(() => staticHandle(seal("one", { expiresAt: 1 }))).toThrow(TypeError);
});
