import * as fc from "fast-check";
import { inspect } from "node:util";
import { openSecret, SecretError, type Env } from "@keybearer/secrets";
import { testSecretSource } from "@keybearer/secrets/testing";
import { describe, expect, test } from "vitest";
import { envSource } from "./index.ts";

const read = async (ref: unknown, env: Record<string, string>) =>
  (await openSecret(envSource, ref, { env })).current().secret.reveal();

async function failure(ref: unknown, env: Record<string, string> = {}): Promise<SecretError> {
  const error = await read(ref, env).catch((thrown: unknown) => thrown);
  if (SecretError.is(error)) return error;
  throw new Error("expected a SecretError");
}

describe("as every source", () => {
  testSecretSource({
    test,
    source: envSource,
    changes: true,
    place: (text) => {
      const env: Record<string, string | undefined> = { KEY: text };
      return {
        ref: "$KEY",
        options: { env },
        write: (next) => void (env["KEY"] = next),
        remove: () => void delete env["KEY"],
      };
    },
  });
});

describe("an environment that tells of changes", () => {
  /** As an env file that is watched. */
  function changing(values: Record<string, string>) {
    const listeners = new Set<() => void>();
    const env: Env = {
      get: (name) => values[name],
      subscribe: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    };
    return { env, listeners, tell: () => listeners.forEach((listener) => listener()) };
  }

  async function open(ref: string, values: Record<string, string>) {
    const reported: unknown[] = [];
    const told: string[] = [];
    const { env, listeners, tell } = changing(values);
    const handle = await openSecret(envSource, ref, { env, report: (error) => reported.push(error) });
    handle.subscribe((next) => told.push(next.secret.reveal()));
    return { handle, listeners, reported, tell, told };
  }

  test("rotates the keys that name what has changed, and no other", async () => {
    const values = { KEY: "one", OTHER: "1" };
    const { tell, told } = await open("team-$KEY", values);
    values.OTHER = "2";
    tell();
    values.KEY = "two";
    tell();
    expect(told).toEqual(["team-two"]);
  });

  test("and has lost a variable leaves the last good key, and says so once", async () => {
    const values: Record<string, string> = { KEY: "one" };
    const { handle, reported, tell, told } = await open("$KEY", values);
    delete values["KEY"];
    tell();
    tell();
    expect(handle.current().secret.reveal()).toBe("one");
    expect(handle.status()).toMatchObject({ state: "stale", reason: "the variable KEY is not set" });
    expect(reported).toMatchObject([{ code: "SECRET_NOT_FOUND" }]);
    values["KEY"] = "one";
    tell();
    expect(handle.status()).toEqual({ state: "fresh" });
    expect(told).toEqual([]);
  });

  test("has no listener left when the handle is closed", async () => {
    const { handle, listeners } = await open("$KEY", { KEY: "one" });
    expect(listeners.size).toBe(1);
    await handle[Symbol.asyncDispose]();
    expect(listeners.size).toBe(0);
  });
});

describe("an env key", () => {
  test.each([
    ["$KEY", "sk-1"],
    ["${KEY}", "sk-1"],
    ["KEY", "sk-1"],
    ["team-$KEY-x", "team-sk-1-x"],
    ["${NONE:-sk-2}", "sk-2"],
    ["${EMPTY:-sk-2}", "sk-2"],
    ["$KEY$$", "sk-1$"],
    ["$KEY${EMPTY:-}", "sk-1"],
  ])("%s is read", async (ref, key) => {
    expect(await read(ref, { KEY: "sk-1", EMPTY: "" })).toBe(key);
  });

  test("claims what names a variable, and leaves the rest to others", () => {
    expect(["$A", "x${A}", "${oops", "sk-abc", "a$$b", "$1", ""].map((text) => envSource.scalar?.(text))).toEqual([
      "$A",
      "x${A}",
      "${oops",
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("that is not set is named, with both ways to set it", async () => {
    const error = await failure("$OPENAI_API_KEY");
    expect(error).toMatchObject({ code: "SECRET_NOT_FOUND", source: "env" });
    expect(error.message).toContain("OPENAI_API_KEY");
    expect(error.fix).toMatch(/export OPENAI_API_KEY=.*--env-file/);
  });

  test.each(["", " ", "\n"])(
    "that is %j is empty, also inside a longer text, and a shell may have emptied it",
    async (value) => {
      for (const ref of ["$KEY", "sk-$KEY"]) {
        const error = await failure(ref, { KEY: value });
        expect(error).toMatchObject({ code: "SECRET_EMPTY", source: "env" });
        expect(error.message).toContain("KEY");
        expect(error.fix).toContain("<<EOF");
      }
    },
  );

  test("that is no key names the variable, not what is in it", async () => {
    const error = await failure("$KEY", { KEY: "canary\ncanary" });
    expect(error).toMatchObject({ code: "SECRET_MALFORMED", found: "KEY, 2 lines" });
    expect(inspect(error)).not.toContain("canary");
  });

  test("with a template that is none is refused, and not shown", async () => {
    const error = await failure("canary-${oops");
    expect(error).toMatchObject({ code: "SECRET_MALFORMED" });
    expect(inspect(error)).not.toContain("canary");
  });

  test("is named without a dollar sign below its word", async () => {
    expect(await failure("not a name")).toMatchObject({ code: "SECRET_MALFORMED" });
  });

  test("is not expanded twice", () =>
    fc.assert(
      fc.asyncProperty(fc.string({ unit: fc.constantFrom("a", "$", "{", "}", "K"), minLength: 1 }), async (value) => {
        expect(await read("$K", { K: value, a: "no", aK: "no" })).toBe(value);
      }),
      { numRuns: 50 },
    ));

  test("of Object.prototype is not set", async () => {
    expect(await failure("$constructor")).toMatchObject({ code: "SECRET_NOT_FOUND" });
  });
});
