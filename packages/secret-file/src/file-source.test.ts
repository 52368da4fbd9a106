import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { openSecret, type Notice, type OpenSecretOptions } from "@keybearer/secrets";
import { testSecretSource } from "@keybearer/secrets/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createFileSource, fileSource } from "./index.ts";

const run = promisify(execFile);
let root = "";
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "keybearer-file-"));
});
afterAll(() => rm(root, { recursive: true }));

async function directory(): Promise<string> {
  const path = join(root, String((count += 1)));
  await mkdir(path);
  return path;
}

async function keyFile(content: string | Uint8Array, mode = 0o600): Promise<string> {
  const path = join(await directory(), "key.txt");
  await writeFile(path, content);
  await chmod(path, mode);
  // Long ago, so that nobody waits for it to be written to its end.
  await utimes(path, 0, 0);
  return path;
}

async function read(ref: string, options?: OpenSecretOptions): Promise<string> {
  const handle = await openSecret(fileSource, ref, options);
  return handle.current().secret.reveal();
}

const failure = (ref: unknown, options?: OpenSecretOptions) =>
  openSecret(fileSource, ref, options).then(
    () => undefined,
    (error: unknown) => error,
  );

async function notices(path: string): Promise<string[]> {
  const codes: string[] = [];
  const warn = (notice: Notice) => codes.push(`${notice.code}: ${notice.fix}`);
  await openSecret(fileSource, path, { warn });
  return codes;
}

describe("as every source", () => {
  testSecretSource({
    test,
    source: fileSource,
    changes: true,
    watches: true,
    malformedRefs: [4_919_577_201, {}, ""],
    place: async (text) => {
      const path = await keyFile(text);
      return { ref: path, write: (next) => writeFile(path, next), remove: () => rm(path) };
    },
  });
});

describe("a key file", () => {
  test("is looked up in each base directory in order, and the choice is kept", async () => {
    const beside = await directory();
    const working = await directory();
    const options = { baseDirectories: [beside, working] };
    await writeFile(join(working, "key.txt"), "working");
    const handle = await openSecret(fileSource, "key.txt", options);
    expect(handle.current().secret.reveal()).toBe("working");
    await writeFile(join(beside, "key.txt"), "beside");
    expect((await handle.refresh()).secret.reveal()).toBe("working");
    expect(await read("key.txt", options)).toBe("beside");
  });

  test("that is nowhere is reported with all places", async () => {
    const error = await failure("key.txt", { baseDirectories: ["/nowhere/a", "/nowhere/b", "/nowhere/a"] });
    expect(error).toMatchObject({
      code: "SECRET_NOT_FOUND",
      source: "file",
      found: "nothing at /nowhere/a/key.txt or /nowhere/b/key.txt",
    });
  });

  test("that is a link to nowhere is not passed over for the next place", async () => {
    const beside = await directory();
    const working = await directory();
    await symlink(join(beside, "gone"), join(beside, "key.txt"));
    await writeFile(join(working, "key.txt"), "working");
    const error = await failure("key.txt", { baseDirectories: [beside, working] });
    expect(error).toMatchObject({ code: "SECRET_NOT_FOUND", found: join(beside, "key.txt") });
  });

  test("that is a directory is no key", async () => {
    expect(await failure(await directory())).toMatchObject({
      code: "SECRET_MALFORMED",
      message: "this is a directory",
    });
  });

  test.skipIf(process.getuid?.() === 0)("that may not be read is denied", async () => {
    const path = await keyFile("key", 0o000);
    expect(await failure(path)).toMatchObject({ code: "SECRET_DENIED", found: path });
  });

  test.each([
    ["is empty", "", "SECRET_EMPTY", ", nothing"],
    ["has two lines", "one\ntwo\n", "SECRET_MALFORMED", ", 2 lines"],
    ["is no UTF-8", Uint8Array.of(0x73, 0xff), "SECRET_MALFORMED", ", bytes that are no UTF-8"],
    ["is UTF-16", Buffer.from("\ufeffkey", "utf16le"), "SECRET_MALFORMED", ", UTF-16, as PowerShell's > writes it"],
    ["is large", Buffer.alloc(70_000, "k"), "SECRET_MALFORMED", ", more than 64 KiB"],
  ])("that %s is refused, with its path", async (_what, content, code, found) => {
    const path = await keyFile(content);
    expect(await failure(path)).toMatchObject({ code, source: "file", found: `${path}${found}` });
  });

  test("may begin with a byte order mark", async () => {
    expect(await read(await keyFile("\ufeffkey\r\n"))).toBe("key");
  });

  test("of exactly 64 KiB is read whole", async () => {
    expect(await read(await keyFile("k".repeat(65_536)))).toHaveLength(65_536);
  });

  test("is read again through a link that was swapped, as Kubernetes does it", async () => {
    const mount = await directory();
    const publish = async (name: string, key: string) => {
      await mkdir(join(mount, name));
      await writeFile(join(mount, name, "key"), key);
      await rm(join(mount, "..data"), { force: true });
      await symlink(name, join(mount, "..data"));
    };
    await publish("..2026_11_24_10_00_00.1", "old");
    await symlink("..data/key", join(mount, "key"));
    const handle = await openSecret(fileSource, join(mount, "key"));
    await publish("..2026_11_24_10_05_00.2", "new");
    expect((await handle.refresh()).secret.reveal()).toBe("new");
    expect(await notices(join(mount, "key"))).toEqual([]);
  });
});

describe("a key file's mode", () => {
  test.each([
    [0o600, []],
    [0o640, []],
    [0o644, ["SECRET_FILE_READABLE"]],
    [0o660, ["SECRET_FILE_WRITABLE"]],
    [0o666, ["SECRET_FILE_WRITABLE", "SECRET_FILE_READABLE"]],
  ])("%o is warned about with %j and a mend", async (mode, codes) => {
    const path = await keyFile("key", mode);
    expect(await notices(path)).toEqual(codes.map((code) => `${code}: chmod 600 ${path}`));
  });
});

describe.skipIf(process.platform === "win32")("a named pipe", () => {
  async function pipe(): Promise<string> {
    const path = join(await directory(), "pipe");
    await run("mkfifo", [path]);
    return path;
  }

  test("works once, and a refresh keeps what came through it", async () => {
    const path = await pipe();
    const opened = openSecret(fileSource, path);
    await writeFile(path, "from-a-pipe\n");
    const handle = await opened;
    expect(handle.current().secret.reveal()).toBe("from-a-pipe");
    expect(await handle.refresh()).toBe(handle.current());
    expect(handle.status()).toEqual({ state: "fresh" });
  });

  test("that is written slowly is read to its end", async () => {
    const path = await pipe();
    const opened = openSecret(fileSource, path);
    await run("sh", ["-c", 'exec > "$0"; printf sk-; sleep 0.05; printf slow', path]);
    expect((await opened).current().secret.reveal()).toBe("sk-slow");
  });

  test("with no writer does not hang: it ends at the limit, or with the signal", async () => {
    const path = await pipe();
    const source = createFileSource({ pipeLimitMs: 30 });
    await expect(openSecret(source, path)).rejects.toMatchObject({ code: "SECRET_UNAVAILABLE", found: path });
    const controller = new AbortController();
    const opened = openSecret(fileSource, path, { signal: controller.signal });
    controller.abort();
    await expect(opened).rejects.toMatchObject({ code: "SECRET_UNAVAILABLE" });
  });

  test("is read no further than 64 KiB", async () => {
    const path = await pipe();
    const opened = failure(path);
    // The reader leaves while we write; that is what the test is about.
    await writeFile(path, Buffer.alloc(1_000_000, "k")).catch(() => undefined);
    expect(await opened).toMatchObject({ code: "SECRET_MALFORMED", found: `${path}, more than 64 KiB` });
  });
});

describe.skipIf(process.platform === "win32")("/dev/stdin", () => {
  const program = `
    import { openSecret } from "@keybearer/secrets";
    import { fileSource } from "@keybearer/secret-file";
    const handle = await openSecret(fileSource, "/dev/stdin");
    console.log(handle.current().secret.reveal());`;
  const node = [process.execPath, "--conditions=@keybearer/source", "--input-type=module", "--eval", program];

  test("gives the key from a shell's pipe", async () => {
    const script = `printf 'from-stdin\\n' | "$@"`;
    const { stdout } = await run("sh", ["-c", script, "sh", ...node], { cwd: import.meta.dirname });
    expect(stdout).toBe("from-stdin\n");
  });

  test("gives the key from a socket, which is what a parent in Node hands over", async () => {
    const child = spawn(node[0]!, node.slice(1), { cwd: import.meta.dirname, stdio: ["pipe", "pipe", "inherit"] });
    child.stdin.end("from-stdin\n");
    const [chunk] = await once(child.stdout, "data");
    expect(String(chunk)).toBe("from-stdin\n");
  });

  test("that is empty ends with an error", async () => {
    expect(await failure("/dev/null")).toMatchObject({ code: "SECRET_EMPTY", found: "/dev/null, nothing" });
  });
});
