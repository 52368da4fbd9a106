import { execFile } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { appendFile, mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { watchFile, WatchError, type FileState, type FileWatch, type WatchFileOptions } from "./index.ts";

const run = promisify(execFile);
let root = "";
let count = 0;
const open: FileWatch[] = [];
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "keybearer-watch-"));
});
afterAll(() => rm(root, { recursive: true }));
afterEach(() => open.splice(0).forEach((watch) => watch.close()));

async function directory(): Promise<string> {
  const path = join(root, String((count += 1)));
  await mkdir(path);
  return path;
}

const show = (state: FileState): string => {
  if (state.kind === "content") return Buffer.from(state.bytes).toString();
  return state.kind === "missing" ? "(missing)" : `(${"code" in state.error ? String(state.error.code) : "?"})`;
};

/** What was told, and a wait for the next. `known` is what the file holds at the start. */
function observe(path: string, options: Partial<WatchFileOptions> & { content?: string } = {}) {
  const told: string[] = [];
  let hear = (): void => undefined;
  const { content, ...rest } = options;
  const watch = watchFile(path, {
    // So seldom that what is told in time was told by an event.
    pollMs: 600_000,
    settleMs: 10,
    ...rest,
    ...(content === undefined ? {} : { known: Buffer.from(content) }),
    onChange: (state) => {
      told.push(show(state));
      hear();
    },
  });
  open.push(watch);
  const until = async (expected: string): Promise<void> => {
    while (told.at(-1) !== expected) await new Promise<void>((resolve) => (hear = resolve));
  };
  return { told, until, watch };
}

const move = async (path: string, content: string): Promise<void> => {
  await writeFile(`${path}.tmp`, content);
  await rename(`${path}.tmp`, path);
};

/** As a kubelet does it: a new directory, then a link to it renamed over the old link. */
async function publish(mount: string, generation: string, content: string): Promise<void> {
  await mkdir(join(mount, generation));
  await writeFile(join(mount, generation, "key"), content);
  await symlink(generation, join(mount, "..data_tmp"));
  await rename(join(mount, "..data_tmp"), join(mount, "..data"));
}

const styles: readonly (readonly [string, (path: string, content: string) => Promise<void>])[] = [
  ["written beside it and renamed over it", move],
  ["written in place", (path, content) => writeFile(path, content)],
  [
    "deleted and created",
    async (path, content) => {
      await rm(path);
      await writeFile(path, content);
    },
  ],
  [
    "kept as a backup and created, as vim does it",
    async (path, content) => {
      await rename(path, `${path}~`);
      await writeFile(path, content);
      await rm(`${path}~`);
    },
  ],
  [
    "replaced by a link",
    async (path, content) => {
      await writeFile(`${path}.real`, content);
      await symlink(`${path}.real`, `${path}.link`);
      await rename(`${path}.link`, path);
    },
  ],
  [
    "truncated and written in pieces",
    async (path, content) => {
      await writeFile(path, "");
      for (const character of content) await appendFile(path, character);
    },
  ],
];

describe.each([
  ["with events", {}],
  ["by polling alone", { events: false, pollMs: 20 }],
] as const)("a change is told %s when the file is", (_how, options) => {
  test.each(styles)("%s", async (_style, write) => {
    const path = join(await directory(), "key");
    await writeFile(path, "one\n");
    const { told, until, watch } = observe(path, { ...options, content: "one\n" });
    await watch.check();
    await write(path, "two\n");
    await until("two\n");
    await write(path, "three\n");
    await until("three\n");
    expect(told.filter((content) => content !== "(missing)")).toEqual(["two\n", "three\n"]);
  });

  test("mounted by Kubernetes, whose ..data link is swapped", async () => {
    const mount = await directory();
    await publish(mount, "..2026_11_24_10_00_00.1", "one\n");
    await symlink("..data/key", join(mount, "key"));
    const { told, until, watch } = observe(join(mount, "key"), { ...options, content: "one\n" });
    await watch.check();
    await publish(mount, "..2026_11_24_10_05_00.2", "two\n");
    await rm(join(mount, "..2026_11_24_10_00_00.1"), { recursive: true });
    await until("two\n");
    await publish(mount, "..2026_11_24_10_10_00.3", "three\n");
    await until("three\n");
    expect(told).toEqual(["two\n", "three\n"]);
  });

  test("behind links at several levels, each of which is swapped", async () => {
    const base = await directory();
    const swap = async (target: string, link: string): Promise<void> => {
      await symlink(target, join(base, "link.tmp"));
      await rename(join(base, "link.tmp"), join(base, link));
    };
    for (const [release, content] of [
      ["v1", "one\n"],
      ["v2", "two\n"],
      ["v3", "three\n"],
    ] as const) {
      await mkdir(join(base, release, "etc"), { recursive: true });
      await writeFile(join(base, release, "etc", "key"), content);
    }
    await swap("v1", "outer");
    await swap("./outer/../outer", "inner");
    await swap(join(base, "inner", "etc", "key"), "key");
    const { told, until, watch } = observe(join(base, "key"), { ...options, content: "one\n" });
    await watch.check();
    await swap("v2", "outer");
    await until("two\n");
    await swap("v3", "inner");
    await until("three\n");
    await swap("v1/etc/key", "key");
    await until("one\n");
    expect(told).toEqual(["two\n", "three\n", "one\n"]);
  });

  test("missing, and its directories appear one after the other", async () => {
    const base = await directory();
    const path = join(base, "a", "b", "key");
    const { told, until, watch } = observe(path, options);
    await watch.check();
    await mkdir(join(base, "a"));
    await watch.check();
    await mkdir(join(base, "a", "b"));
    await writeFile(path, "one\n");
    await until("one\n");
    expect(told).toEqual(["(missing)", "one\n"]);
  });

  test("at the end of a link to nothing, and what it names appears", async () => {
    const [base, other] = [await directory(), await directory()];
    await symlink(join(other, "real"), join(base, "key"));
    const { until, watch } = observe(join(base, "key"), options);
    await watch.check();
    await writeFile(join(other, "real"), "one\n");
    await until("one\n");
  });

  test("in a directory that is deleted and made again", async () => {
    const base = join(await directory(), "made-again");
    const path = join(base, "key");
    await mkdir(base);
    await writeFile(path, "one\n");
    const { until, watch } = observe(path, { ...options, content: "one\n" });
    await watch.check();
    for (const content of ["two\n", "three\n"]) {
      await rm(base, { recursive: true });
      await until("(missing)");
      await mkdir(base);
      await writeFile(path, content);
      await until(content);
    }
  });

  test("in a directory that is deleted and made again before anybody can look", async () => {
    const base = join(await directory(), "made-again");
    const path = join(base, "key");
    mkdirSync(base);
    writeFileSync(path, "one\n");
    const { until, watch } = observe(path, { ...options, content: "one\n" });
    await watch.check();
    rmSync(base, { recursive: true });
    mkdirSync(base);
    writeFileSync(path, "two\n");
    await until("two\n");
    await move(path, "three\n");
    await until("three\n");
  });

  test("in a directory for which another is put in its place", async () => {
    const parent = await directory();
    for (const content of ["one\n", "two\n"]) {
      await mkdir(join(parent, content.trim()));
      await writeFile(join(parent, content.trim(), "key"), content);
    }
    await rename(join(parent, "one"), join(parent, "live"));
    const path = join(parent, "live", "key");
    const { until, watch } = observe(path, { ...options, content: "one\n" });
    await watch.check();
    await rename(join(parent, "live"), join(parent, "old"));
    await rename(join(parent, "two"), join(parent, "live"));
    await until("two\n");
    await writeFile(path, "three\n");
    await until("three\n");
  });
});

describe("told is", () => {
  test("what a file holds at the start, unless the caller has it", async () => {
    const path = join(await directory(), "key");
    await writeFile(path, "one\n");
    const fresh = observe(path);
    const known = observe(path, { content: "one\n" });
    const outdated = observe(path, { content: "zero\n" });
    await Promise.all([fresh, known, outdated].map(({ watch }) => watch.check()));
    expect([fresh.told, known.told, outdated.told]).toEqual([["one\n"], [], ["one\n"]]);
  });

  test("nothing, when the same content is written again", async () => {
    const path = join(await directory(), "key");
    await writeFile(path, "one\n");
    const { told, watch } = observe(path, { content: "one\n" });
    for (const [, write] of styles) {
      await write(path, "one\n");
      await watch.check();
    }
    expect(told).toEqual([]);
  });

  test("nothing, when another file of the directory changes", async () => {
    const base = await directory();
    const { told, watch } = observe(join(base, "key"));
    await watch.check();
    await writeFile(join(base, "other"), "other\n");
    await watch.check();
    expect(told).toEqual(["(missing)"]);
  });

  test("when the file was last written", async () => {
    const path = join(await directory(), "key");
    await writeFile(path, "one\n");
    await run("touch", ["-d", "2026-01-02T03:04:05Z", path]);
    const states: FileState[] = [];
    const watch = watchFile(path, { onChange: (state) => states.push(state) });
    await watch.check();
    watch.close();
    expect(states).toEqual([
      { kind: "content", bytes: new Uint8Array(Buffer.from("one\n")), modifiedAt: Date.UTC(2026, 0, 2, 3, 4, 5) },
    ]);
  });

  test("a deletion, once, and the return", async () => {
    const path = join(await directory(), "key");
    await writeFile(path, "one\n");
    const { told, until, watch } = observe(path, { content: "one\n" });
    await rm(path);
    await until("(missing)");
    await watch.check();
    await writeFile(path, "one\n");
    await until("one\n");
    expect(told).toEqual(["(missing)", "one\n"]);
  });
});

describe("unreadable is", () => {
  test("a directory, a pipe, a device: none of them is opened", async () => {
    const base = await directory();
    await mkdir(join(base, "directory"));
    await run("mkfifo", [join(base, "pipe")]);
    for (const path of [join(base, "directory"), join(base, "pipe"), "/dev/zero"]) {
      const { told, watch } = observe(path);
      await watch.check();
      expect(told).toEqual(["(WATCH_NOT_A_FILE)"]);
    }
  });

  test("a file beyond the limit, and no longer when it is small again", async () => {
    const path = join(await directory(), "key");
    await writeFile(path, "1234");
    const { told, until } = observe(path, { limitBytes: 4 });
    await until("1234");
    await writeFile(path, "12345");
    await until("(WATCH_TOO_LARGE)");
    await writeFile(path, "123\n");
    await until("123\n");
    expect(told).toEqual(["1234", "(WATCH_TOO_LARGE)", "123\n"]);
  });

  test("links that lead back to themselves, with the system's own error", async () => {
    const base = await directory();
    await symlink("b", join(base, "a"));
    await symlink("a", join(base, "b"));
    const { told, until, watch } = observe(join(base, "a"));
    await watch.check();
    expect(told).toEqual(["(ELOOP)"]);
    await rm(join(base, "b"));
    await writeFile(join(base, "b"), "one\n");
    await until("one\n");
  });
});

test("an error of ours is told apart by its code, whichever copy of the package made it", () => {
  expect(WatchError.is(new WatchError("WATCH_TOO_LARGE", "large"))).toBe(true);
  expect(WatchError.is(new Error("large"))).toBe(false);
});

describe("a watch", () => {
  test("that is closed tells nothing more, and leaves no check open", async () => {
    const path = join(await directory(), "key");
    const { told, watch } = observe(path);
    const checked = watch.check();
    watch.close();
    watch.close();
    await checked;
    await watch.check();
    expect(told).toEqual([]);
  });

  test("finds by check() what came by no event", async () => {
    const path = join(await directory(), "key");
    await writeFile(path, "one\n");
    const { told, watch } = observe(path, { content: "one\n", events: false });
    await watch.check();
    await writeFile(path, "two\n");
    await Promise.all([watch.check(), watch.check()]);
    expect(told).toEqual(["two\n"]);
  });

  const child = (lines: string) =>
    run("sh", [
      "-c",
      'ulimit -n 40; exec "$@"',
      "sh",
      process.execPath,
      "--conditions=@keybearer/source",
      "--input-type=module",
      "--eval",
      `import { closeSync, openSync, writeFileSync } from "node:fs";
       import { watchFile } from ${JSON.stringify(join(import.meta.dirname, "index.ts"))};
       ${lines}`,
    ]);

  test("keeps no process alive", async () => {
    const path = join(await directory(), "key");
    await writeFile(path, "one\n");
    const { stdout } = await child(`
      const watch = watchFile(${JSON.stringify(path)}, { onChange: () => console.log("told") });
      await watch.check();`);
    expect(stdout).toBe("told\n");
  });

  test.skipIf(process.platform !== "linux")("polls when the system gives it no watch", async () => {
    const path = join(await directory(), "key");
    await writeFile(path, "one\n");
    const { stdout } = await child(`
      const keepAlive = setInterval(() => undefined, 1_000);
      const taken = [];
      let watch;
      const onChange = (state) => {
        console.log(state.kind === "content" ? Buffer.from(state.bytes).toString().trim() : state.error?.code);
        if (state.kind === "unreadable") for (const fd of taken) closeSync(fd);
        else if (state.bytes[0] === 111) writeFileSync(${JSON.stringify(path)}, "two\\n");
        else clearInterval(keepAlive);
      };
      try { for (;;) taken.push(openSync("/dev/null")); } catch {}
      watch = watchFile(${JSON.stringify(path)}, { onChange, pollMs: 20 });`);
    expect(stdout).toBe("EMFILE\none\ntwo\n");
  });
});
