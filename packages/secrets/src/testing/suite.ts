/** What every secret source keeps to, ours and yours. Runs under vitest, node:test or anything else with a `test`. */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import type { SecretHandle, SecretSource, SecretStatus, SecretVersion } from "../contract.ts";
import { SecretError, type SecretErrorCode } from "../errors.ts";
import { openSecret, type OpenSecretOptions } from "../open.ts";
import { createSeal } from "../seal.ts";
import { Secret } from "../secret.ts";

/** One place that holds one key. */
export interface SecretPlace {
  /** What stands below the source's word in YAML, or a bare string that it claims. */
  readonly ref: unknown;
  readonly options?: OpenSecretOptions;
  /** Changes what the place holds. */
  write?(text: string): Promise<void> | void;
  /** Takes away what the place holds. */
  remove?(): Promise<void> | void;
}

export type TestFunction = (name: string, run: () => Promise<void>) => unknown;

export interface SecretSourceTests<Ref> {
  /** vitest's or node:test's. */
  readonly test: TestFunction;
  readonly source: SecretSource<Ref>;
  /** Makes a place for one test, holding `text` as it stands, to the byte. */
  place(text: string): Promise<SecretPlace> | SecretPlace;
  /** What the schema has to refuse. A number or an empty object by default. */
  readonly malformedRefs?: readonly unknown[];
  /** False for a source whose value cannot change; its places need neither `write` nor `remove`. */
  readonly changes: boolean;
  /** True for a source that notices by itself what its place does, without `refresh()`. */
  readonly watches?: boolean;
}

const KEY = "sk-test-4f9c21d07be64a18";
const OTHER = "sk-test-98d1e03377aa4b52";

/** Registers the tests. Nothing of it runs before the test runner says so. */
export function testSecretSource<Ref>(tests: SecretSourceTests<Ref>): void {
  testOpening(tests);
  testRefusals(tests);
  testPrinting(tests);
  if (tests.changes) {
    testChanges(tests);
    testFailures(tests);
    testHolding(tests);
  }
  if (tests.watches === true) testWatching(tests);
}

function testOpening<Ref>(tests: SecretSourceTests<Ref>): void {
  const { test, source } = tests;

  test("opens a key", () =>
    using(tests, KEY, async (handle) => {
      holds(handle.current(), KEY);
      assert.equal(handle.status().state, "fresh");
    }));

  test("leaves out the white space around a key", () =>
    using(tests, `  ${KEY}\r\n`, async (handle) => holds(handle.current(), KEY)));

  test("gives the same version until the value changes", () =>
    using(tests, KEY, async (handle) => {
      const version = handle.current();
      const heard: SecretVersion[] = [];
      handle.subscribe((next) => heard.push(next));
      assert.equal(await handle.refresh(), version);
      assert.equal(await handle.refresh({ rejected: version.id }), version);
      assert.equal(handle.current(), version);
      assert.deepEqual(heard, []);
    }));

  test("gives one fingerprint for one value, and it depends on the fingerprint key", async () => {
    const { ref, options } = await tests.place(KEY);
    const fingerprints = [];
    for (const fingerprintKey of ["a", "a", "b"]) {
      const handle = await openSecret(source, ref, { ...options, fingerprintKey });
      fingerprints.push(handle.current().secret.fingerprint);
      await handle[Symbol.asyncDispose]();
    }
    assert.equal(fingerprints[0], fingerprints[1]);
    assert.notEqual(fingerprints[0], fingerprints[2]);
  });

  test("is disposed of twice as well as once", () =>
    using(tests, KEY, async (handle) => {
      await handle[Symbol.asyncDispose]();
      await handle[Symbol.asyncDispose]();
    }));
}

function testRefusals<Ref>(tests: SecretSourceTests<Ref>): void {
  const { test, source } = tests;
  const refused: readonly (readonly [string, string, SecretErrorCode])[] = [
    ["an empty key", "", "SECRET_EMPTY"],
    ["white space alone", " \n", "SECRET_EMPTY"],
    ["two lines", `${KEY}\n${OTHER}\n`, "SECRET_MALFORMED"],
    ["a control character", `${KEY}\u0001x`, "SECRET_MALFORMED"],
    ["a character that is not ASCII", `${KEY}\u00e9x`, "SECRET_MALFORMED"],
    ["quotes around the key", `"${KEY}"`, "SECRET_MALFORMED"],
    ["the word Bearer", `Bearer ${KEY}`, "SECRET_MALFORMED"],
    ["more than 64 KiB", KEY.repeat(3_000), "SECRET_MALFORMED"],
  ];
  for (const [what, text, code] of refused) {
    test(`refuses ${what}, and does not show it`, async () => {
      const { ref, options } = await tests.place(text);
      const error = await failure(openSecret(source, ref, options));
      assert.equal(error.code, code);
      assert.equal(error.source, source.name);
      hides(error);
    });
  }

  test("refuses what the schema does not know, and does not show it", async () => {
    for (const ref of tests.malformedRefs ?? [4_919_577_201, {}]) {
      const error = await failure(openSecret(source, ref));
      assert.equal(error.code, "SECRET_MALFORMED");
      assert.ok(!inspect(error).includes("4919577201"), "the error shows what was refused");
    }
  });
}

function testPrinting<Ref>(tests: SecretSourceTests<Ref>): void {
  tests.test("shows the key in no print of handle, version or secret", () =>
    using(tests, KEY, async (handle) => {
      const version = handle.current();
      hides(String(version.secret));
      for (const value of [handle, version, version.secret, handle.status()]) {
        hides(value);
        hides(JSON.stringify(value) ?? "");
      }
      hides(structuredClone(version));
    }),
  );
}

function testChanges<Ref>(tests: SecretSourceTests<Ref>): void {
  const { test } = tests;

  test("finds a new value on refresh, and tells subscribers once", () =>
    using(tests, KEY, async (handle, place) => {
      const before = handle.current();
      const heard: SecretVersion[] = [];
      const unheard: SecretVersion[] = [];
      handle.subscribe((next) => heard.push(next));
      handle.subscribe((next) => unheard.push(next))();
      await place.write?.(OTHER);
      const after = await handle.refresh({ rejected: before.id });
      holds(after, OTHER);
      assert.ok(after.id > before.id, "ids grow");
      assert.equal(handle.current(), after);
      assert.equal(await handle.refresh(), after);
      assert.deepEqual(heard, [after]);
      assert.deepEqual(unheard, []);
    }));

  test("gives a refresh that comes during another what was there when it came", () =>
    using(tests, KEY, async (handle, place) => {
      const first = handle.refresh();
      await place.write?.(OTHER);
      const [, second, third] = await Promise.all([first, handle.refresh(), handle.refresh()]);
      holds(second, OTHER);
      assert.equal(third, second);
      assert.equal(handle.current(), second);
    }));
}

function testFailures<Ref>(tests: SecretSourceTests<Ref>): void {
  const { test, source } = tests;

  test("keeps the last good key while the place holds none, and says so", () =>
    using(tests, KEY, async (handle, place) => {
      const good = handle.current();
      await place.write?.(`${OTHER}\n${OTHER}`);
      const error = await failure(handle.refresh());
      assert.equal(error.code, "SECRET_MALFORMED");
      hides(error);
      assert.equal(handle.current(), good);
      const status = handle.status();
      assert.equal(status.state, "stale");
      hides(status);
      await place.write?.(OTHER);
      holds(await handle.refresh(), OTHER);
      assert.equal(handle.status().state, "fresh");
    }));

  test("keeps the last good key when the place is gone", () =>
    using(tests, KEY, async (handle, place) => {
      const good = handle.current();
      await place.remove?.();
      assert.equal((await failure(handle.refresh())).code, "SECRET_NOT_FOUND");
      assert.equal(handle.current(), good);
    }));

  test("says what is missing when it opens nothing", async () => {
    const place = await tests.place(KEY);
    await place.remove?.();
    const error = await failure(openSecret(source, place.ref, place.options));
    assert.equal(error.code, "SECRET_NOT_FOUND");
    assert.equal(error.source, source.name);
  });
}

function testHolding<Ref>(tests: SecretSourceTests<Ref>): void {
  const { test } = tests;

  test("gives at once what is newer than the rejected version, even where nothing can be read", () =>
    using(tests, KEY, async (handle, place) => {
      const { id } = handle.current();
      await place.write?.(OTHER);
      const newer = await handle.refresh();
      await place.remove?.();
      assert.equal(await handle.refresh({ rejected: id }), newer);
    }));

  test("says since when it fails: since the first failure in a row", () =>
    using(tests, KEY, async (handle, place) => {
      await place.remove?.();
      await failure(handle.refresh());
      const first = handle.status();
      await place.write?.(`${KEY}\n${OTHER}\n`);
      await failure(handle.refresh());
      const second = handle.status();
      assert.ok(first.state === "stale" && second.state === "stale", "a source that fails is stale");
      assert.equal(second.since, first.since);
    }));

  test("tells when its status changes, if it tells of it at all", () =>
    using(tests, KEY, async (handle, place) => {
      if (handle.watchStatus === undefined) return;
      const states: string[] = [];
      handle.watchStatus(({ state }) => states.push(state));
      handle.watchStatus(({ state }) => states.push(`unheard ${state}`))();
      await place.remove?.();
      await failure(handle.refresh());
      await failure(handle.refresh());
      await place.write?.(KEY);
      await handle.refresh();
      assert.deepEqual(states, ["stale", "fresh"]);
    }));

  test("does not hang when it is asked after it was disposed of, or while it is", () =>
    using(tests, KEY, async (handle) => {
      const during = handle.refresh().catch(() => undefined);
      await handle[Symbol.asyncDispose]();
      await Promise.all([during, handle.refresh().catch(() => undefined)]);
    }));
}

function testWatching<Ref>(tests: SecretSourceTests<Ref>): void {
  const { test } = tests;
  const reporting = (reported: unknown[]) => ({ report: (error: unknown) => void reported.push(error) });

  test("notices a new value by itself", () =>
    using(tests, KEY, async (handle, place) => {
      const heard = nextOf<SecretVersion>((listener) => handle.subscribe(listener));
      await place.write?.(OTHER);
      const next = await heard;
      holds(next, OTHER);
      assert.equal(handle.current(), next);
    }));

  test("notices by itself that its key is gone, reports it once, and notices its return", async () => {
    const reported: unknown[] = [];
    await using(
      tests,
      KEY,
      async (handle, place) => {
        const status = () =>
          nextOf<SecretStatus>((listener) => {
            assert.ok(handle.watchStatus !== undefined, "a source that watches tells of its status");
            return handle.watchStatus(listener);
          });
        const good = handle.current();
        const gone = status();
        await place.remove?.();
        assert.equal((await gone).state, "stale");
        assert.equal(handle.current(), good);
        await failure(handle.refresh());
        assert.equal(reported.length, 1);
        const back = status();
        await place.write?.(KEY);
        assert.equal((await back).state, "fresh");
        assert.equal(handle.current(), good);
      },
      reporting(reported),
    );
  });
}

/** Awaits one event. */
async function nextOf<Event>(subscribe: (listener: (event: Event) => void) => () => void): Promise<Event> {
  const { promise, resolve } = Promise.withResolvers<Event>();
  const unsubscribe = subscribe(resolve);
  try {
    return await promise;
  } finally {
    unsubscribe();
  }
}

async function using<Ref>(
  tests: SecretSourceTests<Ref>,
  text: string,
  run: (handle: SecretHandle, place: SecretPlace) => Promise<void>,
  options: OpenSecretOptions = {},
): Promise<void> {
  const place = await tests.place(text);
  const handle = await openSecret(tests.source, place.ref, { ...place.options, ...options });
  try {
    await run(handle, place);
  } finally {
    await handle[Symbol.asyncDispose]();
  }
}

/** Compares sealed with sealed, so that no key is revealed here. */
function holds(version: SecretVersion, text: string): void {
  const expected = createSeal({ source: "test", clock: { now: () => 0 } })(text);
  assert.ok(Secret.equal(version.secret, expected.secret), "the key is another one");
}

/** Not in the message either: a failed assertion that printed the text would be the leak that it looks for. */
function hides(value: unknown): void {
  const shown = typeof value === "string" ? value : inspect(value, { depth: 10, showHidden: true, getters: true });
  assert.ok(!shown.includes(KEY) && !shown.includes(OTHER), "the key can be read here");
}

async function failure(promise: Promise<unknown>): Promise<SecretError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(SecretError.is(error), `expected a SecretError, got ${inspect(error)}`);
    return error;
  }
  return assert.fail("expected a SecretError");
}
