import { chmod, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { openSecret, SecretError, type Notice, type OpenSecretOptions, type SecretVersion } from "@keybearer/secrets";
import { fakeClock, testSecretSource } from "@keybearer/secrets/testing";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createExecSource, execSource } from "./index.ts";

const KEY = "sk-test-8fJ2kLq0ZxW7vB3n";
let root = "";
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "keybearer-exec-"));
});
afterAll(() => rm(root, { recursive: true }));

async function directory(): Promise<string> {
  const path = join(root, String((count += 1)));
  await mkdir(path);
  return path;
}

/** A shell script; `$HERE` is its directory. */
async function program(script: string): Promise<string> {
  const here = await directory();
  const path = join(here, "program");
  await writeFile(path, `#!/bin/sh\nHERE=${here}\n${script}\n`);
  await chmod(path, 0o700);
  return path;
}

async function open(ref: Readonly<Record<string, unknown>>, options?: OpenSecretOptions, source = execSource) {
  const handle = await openSecret(source, ref, options);
  onTestFinished(() => handle[Symbol.asyncDispose]());
  return handle;
}

const sh = (script: string) => ["/bin/sh", "-c", script];
const version = async (ref: Readonly<Record<string, unknown>>, options?: OpenSecretOptions): Promise<SecretVersion> =>
  (await open(ref, options)).current();
const keyOf = async (ref: Readonly<Record<string, unknown>>, options?: OpenSecretOptions): Promise<string> =>
  (await version(ref, options)).secret.reveal();

async function failure(ref: unknown, options?: OpenSecretOptions, source = execSource): Promise<SecretError> {
  const error = await openSecret(source, ref, options).catch((thrown: unknown) => thrown);
  if (SecretError.is(error)) return error;
  throw new Error("expected a SecretError");
}

/** Ends when the process is gone: a zombie that nobody waits for is gone as well. */
async function gone(pid: string): Promise<void> {
  for (;;) {
    const state = await readFile(`/proc/${pid.trim()}/stat`, "utf8").catch(() => ") Z");
    if (/\) [ZX]/.test(state)) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const posix = process.platform !== "win32";

describe.skipIf(!posix)("as every source", () => {
  testSecretSource({
    test,
    source: execSource,
    changes: true,
    malformedRefs: [4_919_577_201, {}, { command: [] }, { command: "4919577201" }],
    place: async (text) => {
      const path = await program('exec cat "$HERE/key"');
      const write = async (next: string) => {
        // The program may run just now, and is not to read half of it.
        await writeFile(join(path, "../next"), next);
        await rename(join(path, "../next"), join(path, "../key"));
        await rename(`${path}.away`, path).catch(() => undefined);
      };
      await write(text);
      return { ref: { command: [path] }, write, remove: () => rename(path, `${path}.away`) };
    },
  });
});

describe("what stands below exec:", () => {
  test.each([
    ["a program by its bare name", { command: ["op"] }, /absolute path.*no shell/],
    ["a program by a relative path", { command: ["./op"] }, /absolute path/],
    ["a command in one string", { command: "/usr/bin/op read" }, /\[\/usr\/bin\/op, read, \.\.\.\]/],
    ["an unknown field", { command: ["/a"], args: [] }, /expected \{ command, format/],
    ["an unknown format", { command: ["/a"], format: "yaml" }, /raw, json, execCredential, credentialProcess/],
    ["a property that raw output has not", { command: ["/a"], property: "value" }, /format: json/],
    ["a timeout above 30 s", { command: ["/a"], timeout: "31s" }, /30s/],
    ["a time without a unit", { command: ["/a"], refreshInterval: "10" }, /1h30m/],
    ["an interval below 1 s", { command: ["/a"], refreshInterval: "999ms" }, /from 1s on/],
    ["a variable with a strange name", { command: ["/a"], env: { "A=B": "x" } }, /name of a variable/],
    ["an argument with NUL", { command: ["/a", "x\0y"] }, /NUL/],
  ])("%s is refused", async (_what, ref, message) => {
    const error = await failure(ref);
    expect(error).toMatchObject({ code: "SECRET_MALFORMED", message: expect.stringMatching(message) });
  });

  test("has defaults, and times become milliseconds", async () => {
    const result = await execSource.schema["~standard"].validate({ command: ["/a"], refreshInterval: "1h30m" });
    expect(result).toMatchObject({
      value: { command: ["/a"], format: "raw", refreshInterval: 5_400_000, timeout: 10_000, env: {} },
    });
  });
});

describe.skipIf(!posix)("a program", () => {
  test("gets its arguments as they are: no shell reads them", async () => {
    const path = await program('printf %s "$2"');
    expect(await keyOf({ command: [path, "first", "$(id);`id` *'\"x"] })).toBe("$(id);`id` *'\"x");
  });

  test("sees an empty input, and the config's directory around it", async () => {
    const here = await directory();
    const command = sh(`test "$(wc -c)" -eq 0 && test "$(pwd)" = ${here} && echo ${KEY}`);
    expect(await keyOf({ command }, { baseDirectories: [here, "/"] })).toBe(KEY);
  });

  test("sees PATH, HOME, LANG, and what the config names, and nothing else of our environment", async () => {
    const here = await directory();
    const command = ["/usr/bin/env", "-u", "none", "sh", "-c", `/usr/bin/env > ${here}/env; echo ${KEY}`];
    const env = { HOME: "/home/gateway", PATH: "/evil", OPENAI_API_KEY: "sk-other", TOKEN: "from-us" };
    await keyOf({ command, env: { OP_TOKEN: { env: "TOKEN" }, REGION: "eu" } }, { env });
    const seen = await readFile(join(here, "env"), "utf8");
    const own = seen.split("\n").filter((line) => line !== "" && !/^(?:PWD|SHLVL|_|OLDPWD)=/.test(line));
    expect(own.toSorted()).toEqual([
      "HOME=/home/gateway",
      "LANG=C.UTF-8",
      "OP_TOKEN=from-us",
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "REGION=eu",
    ]);
  });

  test("whose variable is not set is not run", async () => {
    const error = await failure({ command: ["/bin/false"], env: { OP_TOKEN: { env: "TOKEN" } } });
    expect(error).toMatchObject({ code: "SECRET_NOT_FOUND", message: expect.stringContaining("TOKEN") });
    expect(error.fix).toContain("export TOKEN=");
  });

  test("that is not there, or may not be run, is named", async () => {
    const denied = await program("echo no");
    await chmod(denied, 0o600);
    expect(await failure({ command: ["/nowhere/op"] })).toMatchObject({
      code: "SECRET_NOT_FOUND",
      source: "exec",
      found: "/nowhere/op",
    });
    expect(await failure({ command: [denied] })).toMatchObject({ code: "SECRET_DENIED", found: denied });
  });

  test("that fails is told by exit code, signal and length, never by what it or its arguments say", async () => {
    const failed = await failure({ command: sh(`echo ${KEY}; echo "bad ${KEY}" >&2; exit 3`) });
    expect(failed).toMatchObject({
      code: "SECRET_UNAVAILABLE",
      message: "the program failed",
      found: "/bin/sh, exit code 3, 29 bytes on standard error",
    });
    const killed = await failure({ command: sh(`: ${KEY}; kill -SEGV $$`) });
    expect(killed.found).toMatch(/^\/bin\/sh, ended by SIGSEGV, /);
    for (const error of [failed, killed]) expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(KEY);
  });

  test("that writes nothing, or no UTF-8, is refused by its path", async () => {
    expect(await failure({ command: ["/bin/true"] })).toMatchObject({
      code: "SECRET_EMPTY",
      found: "/bin/true, nothing",
    });
    expect(await failure({ command: sh("printf 'sk-\\377'") })).toMatchObject({ code: "SECRET_MALFORMED" });
  });

  test("that floods its output is stopped at 64 KiB, and one that floods standard error does no harm", async () => {
    expect(await failure({ command: ["/usr/bin/yes"] })).toMatchObject({
      code: "SECRET_MALFORMED",
      message: "the program wrote more than 64 KiB",
    });
    expect(await keyOf({ command: sh(`head -c 3000000 /dev/zero >&2; echo ${KEY}`) })).toBe(KEY);
  });

  test("that hangs ends at its timeout, with all that it has started, even if that ignores SIGTERM", async () => {
    const here = await directory();
    const command = sh(`trap '' TERM; (trap '' TERM; echo $$ > ${here}/pid; exec sleep 600) & wait; exec sleep 600`);
    const source = createExecSource({ killAfterMs: 20 });
    const error = await failure({ command, timeout: "300ms" }, {}, source);
    expect(error).toMatchObject({ code: "SECRET_UNAVAILABLE", message: "the program did not end within 0.3 s" });
    await gone(await readFile(join(here, "pid"), "utf8"));
  });

  test("that is slow, but in time, is waited for", async () => {
    expect(await keyOf({ command: sh(`printf sk-; sleep 0.1; echo slow`), timeout: "5s" })).toBe("sk-slow");
  });

  test("that leaves a child behind, its output in hand, gives its key, and the child ends", async () => {
    const here = await directory();
    const command = sh(`sleep 600 & echo $! > ${here}/pid; echo ${KEY}`);
    expect(await keyOf({ command })).toBe(KEY);
    await gone(await readFile(join(here, "pid"), "utf8"));
  });

  test("ends when the key is no longer wanted", async () => {
    const here = await directory();
    const controller = new AbortController();
    const pipe = join(here, "started");
    const command = sh(`echo $$ > ${pipe}; exec sleep 600`);
    const opened = failure({ command }, { signal: controller.signal });
    let pid = "";
    while (!pid.endsWith("\n")) pid = await readFile(pipe, "utf8").catch(() => "");
    controller.abort();
    expect(await opened).toMatchObject({ code: "SECRET_UNAVAILABLE" });
    await gone(pid);
  });

  test("runs once for all who ask while it runs, and once more for those who asked later", async () => {
    const path = await program(`echo run >> "$HERE/runs"; echo ${KEY}`);
    const handle = await open({ command: [path] });
    await Promise.all(Array.from({ length: 20 }, () => handle.refresh()));
    const runs = await readFile(join(path, "../runs"), "utf8");
    expect(runs.split("\n").length - 1).toBeLessThanOrEqual(3);
  });
});

describe.skipIf(!posix)("a key from a program", () => {
  /** Writes `sk-1`, `sk-2`, and so on, and fails while there is a file `fail`. */
  const counting = () =>
    program('test ! -e "$HERE/fail" || exit 1; echo x >> "$HERE/runs"; echo "sk-$(wc -l < "$HERE/runs" | tr -d " ")"');
  const source = createExecSource({ random: () => 0 });

  test("is fetched again at 80 % of the interval, the last good one kept over failures, which wait longer and longer", async () => {
    const clock = fakeClock();
    const path = await counting();
    const reports: unknown[] = [];
    let reported = Promise.withResolvers<void>();
    const report = (error: unknown) => {
      reports.push(error);
      reported.resolve();
    };
    const handle = await open({ command: [path], refreshInterval: "10m" }, { clock, report }, source);
    const next = () => new Promise<string>((resolve) => handle.subscribe((key) => resolve(key.secret.reveal())));

    await clock.advance("7m");
    expect(handle.current().secret.reveal()).toBe("sk-1");
    const second = next();
    await clock.advance("1m");
    expect(await second).toBe("sk-2");

    await writeFile(join(path, "../fail"), "");
    await handle.refresh().catch(() => undefined);
    expect(handle.status()).toMatchObject({ state: "stale", reason: "the program failed" });
    await clock.advance("1s");
    await reported.promise;
    expect(reports).toMatchObject([{ code: "SECRET_UNAVAILABLE", source: "exec" }]);
    expect(handle.current().secret.reveal()).toBe("sk-2");

    reported = Promise.withResolvers<void>();
    await rm(join(path, "../fail"));
    const third = next();
    await clock.advance("2s");
    expect(await third).toBe("sk-3");
    expect(handle.status().state).toBe("fresh");
    expect(handle.status().refreshAt).toBe(clock.now() + 480_000);
    expect(handle.refreshes?.()).toEqual({ new: 2, same: 0, failed: 2 });
  });

  test("is fetched again before it expires, where that is sooner", async () => {
    const clock = fakeClock(Date.parse("2027-01-31T12:00:00Z"));
    const path = await program(`
      echo x >> "$HERE/runs"
      echo "{\\"value\\": \\"sk-$(wc -l < "$HERE/runs" | tr -d ' ')\\", \\"expiresAt\\": \\"2027-01-31T13:00:00+00:00\\"}"`);
    const ref = { command: [path], format: "json", refreshInterval: "24h" };
    const handle = await open(ref, { clock }, source);
    const second = new Promise<SecretVersion>((resolve) => handle.subscribe(resolve));
    expect(handle.current()).toMatchObject({ expiresAt: Date.parse("2027-01-31T13:00:00Z") });
    await clock.advance("48m");
    expect((await second).secret.reveal()).toBe("sk-2");
  });
});

describe.skipIf(!posix)("the output", () => {
  const written = async (text: string, more: Readonly<Record<string, unknown>>) => {
    const here = await directory();
    await writeFile(join(here, "out"), text);
    return { command: ["/bin/cat", join(here, "out")], ...more };
  };
  const credential = (status: unknown, apiVersion = "client.authentication.k8s.io/v1") =>
    JSON.stringify({ apiVersion, kind: "ExecCredential", status });
  const expiresAt = Date.parse("2099-01-31T12:00:00Z");

  test.each([
    ["json, field value", `{"value": "${KEY}"}`, { format: "json" }],
    ["json, a field by its name", `{"a.b": "${KEY}", "a": {"b": "no"}}`, { format: "json", property: "a.b" }],
    ["json, a path", `{"data": {"data": {"key": "${KEY}"}}}`, { format: "json", property: "data.data.key" }],
    ["ExecCredential", credential({ token: KEY }), { format: "execCredential" }],
    [
      "ExecCredential of v1beta1",
      credential({ token: KEY }, "client.authentication.k8s.io/v1beta1"),
      { format: "execCredential" },
    ],
  ])("is read: %s", async (_what, text, more) => {
    const found = await version(await written(text, more));
    expect(found.secret.reveal()).toBe(KEY);
    expect(found.expiresAt).toBeUndefined();
  });

  test.each([
    ["json, RFC 3339", `{"value": "${KEY}", "expiresAt": "2099-01-31T13:00:00+01:00"}`, { format: "json" }],
    ["json, seconds", `{"value": "${KEY}", "expiresAt": ${expiresAt / 1_000}}`, { format: "json" }],
    ["json, milliseconds", `{"value": "${KEY}", "expiresAt": ${expiresAt}}`, { format: "json" }],
    [
      "ExecCredential",
      credential({ token: KEY, expirationTimestamp: "2099-01-31T12:00:00Z" }),
      { format: "execCredential" },
    ],
  ])("tells when the key expires: %s", async (_what, text, more) => {
    expect(await version(await written(text, more))).toMatchObject({ expiresAt });
  });

  test("of credential_process is three parts that rotate together", async () => {
    const text = JSON.stringify({
      Version: 1,
      AccessKeyId: "AKIA1",
      SecretAccessKey: KEY,
      SessionToken: "session",
      Expiration: "2099-01-31T12:00:00Z",
    });
    const found = await version(await written(text, { format: "credentialProcess" }));
    expect(found.secret.reveal()).toBe(KEY);
    expect(found.expiresAt).toBe(expiresAt);
    const parts = Object.entries(found.parts ?? {}).map(([name, part]) => [name, part.reveal()]);
    expect(Object.fromEntries(parts)).toEqual({
      accessKeyId: "AKIA1",
      secretAccessKey: KEY,
      sessionToken: "session",
    });
  });

  test.each([
    ["is empty", "", { format: "json" }, "SECRET_EMPTY", /nothing/],
    ["is no JSON", KEY, { format: "json" }, "SECRET_MALFORMED", /no JSON/],
    ["is a list", `["${KEY}"]`, { format: "json" }, "SECRET_MALFORMED", /no JSON object/],
    ["lacks the field", `{"key": "${KEY}", "id": 1}`, { format: "json" }, "SECRET_MALFORMED", /has no value/],
    [
      "has a number there",
      `{"value": 4711, "k": "${KEY}"}`,
      { format: "json" },
      "SECRET_MALFORMED",
      /value in the JSON is no text/,
    ],
    [
      "has no such prototype field",
      "{}",
      { format: "json", property: "constructor.name" },
      "SECRET_MALFORMED",
      /has no/,
    ],
    [
      "has a time that is none",
      `{"value": "${KEY}", "expiresAt": "tomorrow ${KEY}"}`,
      { format: "json" },
      "SECRET_MALFORMED",
      /expiresAt is no time/,
    ],
    [
      "has a time without a zone",
      `{"value": "${KEY}", "expiresAt": "2099-01-31T12:00:00"}`,
      { format: "json" },
      "SECRET_MALFORMED",
      /expiresAt is no time/,
    ],
    [
      "has expired already",
      `{"value": "${KEY}", "expiresAt": "2020-01-31T12:00:00Z"}`,
      { format: "json" },
      "SECRET_EXPIRED",
      /expired already/,
    ],
    ["is another kind", `{"token": "${KEY}"}`, { format: "execCredential" }, "SECRET_MALFORMED", /no ExecCredential/],
    ["has no status", credential(null), { format: "execCredential" }, "SECRET_MALFORMED", /no status/],
    [
      "has certificates only",
      credential({ clientCertificateData: KEY }),
      { format: "execCredential" },
      "SECRET_MALFORMED",
      /no token/,
    ],
    ["is of another version", '{"Version": 2}', { format: "credentialProcess" }, "SECRET_MALFORMED", /Version: 1/],
  ])("is refused, and not shown, when it %s", async (_what, text, more, code, message) => {
    const error = await failure(await written(text, more));
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(error.found).toMatch(/^\/bin\/cat/);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(KEY);
  });

  test("that lacks a field tells which ones there are, by name alone", async () => {
    const error = await failure(await written(`{"key": "${KEY}", "id": 1}`, { format: "json" }));
    expect(error.found).toBe("/bin/cat, the fields key, id");
  });

  test("in ExecCredential's form is asked for as kubectl asks", async () => {
    const info = "process.env.KUBERNETES_EXEC_INFO";
    const script = `console.log(JSON.stringify({...JSON.parse(${info}), status: {token: "${KEY}"}}))`;
    expect(await keyOf({ command: [process.execPath, "-e", script], format: "execCredential" })).toBe(KEY);
  });
});

describe.skipIf(!posix)("a program that others may write", () => {
  async function notices(path: string): Promise<string[]> {
    const codes: string[] = [];
    const warn = (notice: Notice) => codes.push(`${notice.code}: ${notice.fix}`);
    await open({ command: [path] }, { warn });
    return codes;
  }

  test("itself, by its directory, or by the directory of a link to it, is warned about", async () => {
    const path = await program(`echo ${KEY}`);
    const link = join(await directory(), "link");
    await symlink(path, link);
    expect(await notices(link)).toEqual([]);
    await chmod(path, 0o770);
    await chmod(join(path, ".."), 0o757);
    await chmod(join(link, ".."), 0o775);
    const fix = (place: string) => `SECRET_EXEC_WRITABLE: chmod go-w ${place}`;
    expect(await notices(link)).toEqual([path, join(path, ".."), join(link, "..")].map(fix));
  });

  test("by a sticky directory is none", async () => {
    const path = await program(`echo ${KEY}`);
    await chmod(join(path, ".."), 0o1777);
    expect(await notices(path)).toEqual([]);
  });
});
