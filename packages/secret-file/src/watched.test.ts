import { execFile } from "node:child_process";
import { appendFileSync } from "node:fs";
import { appendFile, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { openSecret, SecretError, type SecretHandle } from "@keybearer/secrets";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { fileSource } from "./index.ts";

let root = "";
let count = 0;
const handles: SecretHandle[] = [];
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "keybearer-watched-"));
});
afterAll(() => rm(root, { recursive: true }));
afterEach(() => Promise.all(handles.splice(0).map((handle) => handle[Symbol.asyncDispose]())));

async function directory(): Promise<string> {
  const path = join(root, String((count += 1)));
  await mkdir(path);
  return path;
}

async function opened(content: string) {
  const path = join(await directory(), "key");
  await writeFile(path, content, { mode: 0o600 });
  return { path, ...(await open(path)) };
}

/** What subscribers were told, and waits for what they will be told. */
async function open(path: string) {
  const reported: SecretError[] = [];
  const told: string[] = [];
  const handle = await openSecret(fileSource, path, {
    report: (error) => reported.push(SecretError.from("test", error)),
  });
  handles.push(handle);
  let hear = (): void => undefined;
  handle.subscribe((next) => {
    told.push(next.secret.reveal());
    hear();
  });
  handle.watchStatus?.(() => hear());
  const until = async (isSo: () => boolean): Promise<void> => {
    while (!isSo()) await new Promise<void>((resolve) => (hear = resolve));
  };
  const key = () => handle.current().secret.reveal();
  return { handle, key, reported, told, until };
}

async function replace(path: string, content: string): Promise<void> {
  await writeFile(`${path}.tmp`, content, { mode: 0o600 });
  await rename(`${path}.tmp`, path);
}

describe("a key file", () => {
  test("that is replaced gives the next version, with the time when it was written", async () => {
    const { handle, key, path, told, until } = await opened("one\n");
    const before = handle.current();
    await replace(path, "two\n");
    await until(() => key() === "two");
    const after = handle.current();
    expect(after.id).toBeGreaterThan(before.id);
    expect(after.writtenAt).toBeGreaterThanOrEqual(before.writtenAt ?? Number.POSITIVE_INFINITY);
    await replace(path, "three\n");
    await until(() => key() === "three");
    expect(told).toEqual(["two", "three"]);
    expect(handle.refreshes?.()).toEqual({ new: 2, same: 0, failed: 0 });
    expect(handle.status()).toEqual({ state: "fresh", watched: true });
  });

  test("of which a read finds what no event has told yet counts it once", async () => {
    const { handle, path } = await opened("one\n");
    await writeFile(path, "two\n");
    expect((await handle.refresh()).secret.reveal()).toBe("two");
    await handle.refresh();
    await rm(path);
    await expect(handle.refresh()).rejects.toMatchObject({ code: "SECRET_NOT_FOUND" });
    expect(handle.refreshes?.()).toEqual({ new: 1, same: 1, failed: 1 });
  });

  test("of a Kubernetes mount follows the ..data link, and needs no line end", async () => {
    const mount = await directory();
    const publish = async (generation: string, content: string): Promise<void> => {
      await mkdir(join(mount, generation));
      await writeFile(join(mount, generation, "key"), content);
      await symlink(generation, join(mount, "..data_tmp"));
      await rename(join(mount, "..data_tmp"), join(mount, "..data"));
    };
    await publish("..2026_11_24_10_00_00.1", "one\n");
    await symlink("..data/key", join(mount, "key"));
    const { key, until } = await open(join(mount, "key"));
    await publish("..2026_11_24_10_05_00.2", "two");
    await until(() => key() === "two");
  });

  test("written in place is never half a key", async () => {
    const { key, path, told, until } = await opened("sk-one\n");
    for (const content of ["sk-two\n", "sk-three\n"]) {
      await writeFile(path, "");
      for (const character of content) await appendFile(path, character);
      await until(() => key() === content.trim());
    }
    expect(told).toEqual(["sk-two", "sk-three"]);
  });

  test.each([
    ["deleted", (path: string) => rm(path), "SECRET_NOT_FOUND"],
    ["emptied", (path: string) => writeFile(path, ""), "SECRET_EMPTY"],
    ["malformed", (path: string) => writeFile(path, "two\nlines\n"), "SECRET_MALFORMED"],
    ["no UTF-8", (path: string) => writeFile(path, Uint8Array.of(0xff, 0x0a)), "SECRET_MALFORMED"],
    ["too large", (path: string) => writeFile(path, "k".repeat(70_000)), "SECRET_MALFORMED"],
  ])("that is %s leaves the last good key, is reported once, and comes back", async (_how, spoil, code) => {
    const { handle, key, path, reported, told, until } = await opened("one\n");
    await spoil(path);
    await until(() => handle.status().state === "stale");
    expect(key()).toBe("one");
    await expect(handle.refresh()).rejects.toMatchObject({ code, source: "file" });
    expect(reported).toMatchObject([{ code }]);
    expect(reported[0]?.found).toContain(path);
    await replace(path, "two\n");
    await until(() => handle.status().state === "fresh");
    expect([key(), told, reported.length]).toEqual(["two", ["two"], 1]);
  });

  test("that something else stands for is reported as that", async () => {
    const { handle, path, until } = await opened("one\n");
    await rm(path);
    await mkdir(path);
    await until(() => handle.status().state === "stale");
    await expect(handle.refresh()).rejects.toMatchObject({ code: "SECRET_MALFORMED", found: path });
  });

  test("is read at once when a key was refused, and not while it is being written", async () => {
    const { handle, path } = await opened("sk-one\n");
    const { id } = handle.current();
    await writeFile(path, "sk-");
    const refreshed = handle.refresh({ rejected: id });
    await appendFile(path, "two\n");
    expect((await refreshed).secret.reveal()).toBe("sk-two");
    expect(await handle.refresh({ rejected: id })).toBe(handle.current());
  });

  test("that was written a moment ago is read when it stands still", async () => {
    const path = join(await directory(), "key");
    await writeFile(path, "sk-");
    let isWhole = false;
    const now = (): number => {
      // The time is asked for when the first half has been read.
      if (!isWhole) appendFileSync(path, "one\n");
      isWhole = true;
      return Date.now();
    };
    const handle = await openSecret(fileSource, path, { clock: { now } });
    handles.push(handle);
    expect(handle.current().secret.reveal()).toBe("sk-one");
  });
});

test("a watched file keeps no process alive", async () => {
  const { path } = await opened("one\n");
  const script = `
    import { openSecret } from "@keybearer/secrets";
    import { fileSource } from "@keybearer/secret-file";
    const handle = await openSecret(fileSource, ${JSON.stringify(path)});
    await handle.refresh();
    console.log(handle.current().secret.reveal());`;
  const node = ["--conditions=@keybearer/source", "--input-type=module", "--eval", script];
  const { stdout } = await promisify(execFile)(process.execPath, node, { cwd: import.meta.dirname });
  expect(stdout).toBe("one\n");
});
