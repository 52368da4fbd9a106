import { inspect } from "node:util";
import { openSecret, SecretError, type Notice } from "@keybearer/secrets";
import { testSecretSource } from "@keybearer/secrets/testing";
import { describe, expect, test } from "vitest";
import { inlineSource, looksReal } from "./index.ts";

const REAL = "sk-proj-8fJ2kLq0ZxW7vB3nM5tR9yU1";

async function open(ref: unknown) {
  const notices: Notice[] = [];
  const handle = await openSecret(inlineSource, ref, { warn: (notice) => notices.push(notice) });
  return { key: handle.current().secret.reveal(), notices };
}

const failure = (ref: unknown) => openSecret(inlineSource, ref).catch((error: unknown) => error);

describe("as every source", () => {
  testSecretSource({ test, source: inlineSource, changes: false, place: (text) => ({ ref: text }) });
});

describe("an inline key", () => {
  test("is warned about once, with a mend and without the key", async () => {
    const { key, notices } = await open(REAL);
    expect(key).toBe(REAL);
    expect(notices).toMatchObject([{ code: "SECRET_INLINE" }]);
    expect(notices[0]!.fix).toContain("file:");
    expect(inspect(notices)).not.toContain(REAL);
  });

  test.each(["sk-proj....", "test-key", "<your-api-key-number-1>", "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxx1", "a1".repeat(20)])(
    "%s has not the looks of a real one, and is not warned about",
    async (text) => {
      expect(await open(text)).toEqual({ key: text, notices: [] });
    },
  );

  test("looks real with a known prefix, or with letters and digits", () => {
    expect([REAL, "gsk_abcdefghijklmnopqrst", "0123456789abcdef0123456789abcdef"].map(looksReal)).toEqual([
      true,
      true,
      true,
    ]);
    expect(looksReal("correct-horse-battery-staple")).toBe(false);
  });

  test("writes $$ for a dollar sign", async () => {
    expect((await open("a$$b$$$$c$1$")).key).toBe("a$b$$c$1$");
  });

  test("holds no variables: that would be a key that nobody expands", async () => {
    for (const text of ["$NAME", "sk-${NAME}", "$$$NAME"]) {
      expect(await failure(text)).toMatchObject({ code: "SECRET_MALFORMED", source: "inline" });
    }
  });

  test("that is empty may have been emptied by a shell", async () => {
    const error = await failure("");
    expect(error).toMatchObject({ code: "SECRET_EMPTY", found: "nothing" });
    expect(SecretError.is(error) && error.fix).toContain("<<EOF");
  });

  test("is not shown by a schema that refuses it", async () => {
    for (const ref of [123_456_789, ["sk-canary"], { value: "sk-canary" }]) {
      const error = await failure(ref);
      expect(error).toMatchObject({ code: "SECRET_MALFORMED" });
      expect(inspect(error)).not.toMatch(/123456789|canary/);
    }
  });
});
