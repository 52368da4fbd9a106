/** The command `keybearer` under the Node it was made for, under an older one, and where there is no better one. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";

const root = join(import.meta.dirname, "..");
const gateway = join(root, "apps/gateway");
const oldNode = findOldNode();
const python = ["/usr/bin/python3", "/usr/local/bin/python3"].find((path) => existsSync(path));

/** Says what it was started with, then each signal, and ends at a SIGUSR2; or ends at once as its arguments say. */
const fakeMain = `
const [act, value] = process.argv.slice(2);
const env = Object.keys(process.env).filter((name) => name.startsWith("KEYBEARER_LAUNCHER"));
const onSignal = (signal) => {
  console.log(JSON.stringify({ signal }));
  if (signal === "SIGUSR2") process.exit(3);
};
if (act !== "exit") {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"]) process.on(signal, onSignal);
  setTimeout(() => {}, 15_000); // and no longer, should a test go wrong
}
const { pid, ppid } = process;
console.log(JSON.stringify({ pid, ppid, node: process.versions.node, args: process.argv.slice(2), env }));
if (act === "exit") process.exitCode = Number(value);
if (act === "die") process.kill(process.pid, value);
`;

interface Started {
  readonly pid: number;
  readonly ppid: number;
  readonly node: string;
  readonly args: string[];
  readonly env: string[];
}

let folder: string;
let launcher: string;
let lonely: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "keybearer-launcher-"));
  launcher = copyLauncher(join(folder, "installed/node_modules/keybearer"));
  lonely = copyLauncher(join(folder, "lonely/node_modules/keybearer"));
  const newNode = join(folder, "installed/node_modules", `node-${process.platform}-${process.arch}`, "bin/node");
  mkdirSync(join(newNode, ".."), { recursive: true });
  symlinkSync(process.execPath, newNode);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a Node that is new enough runs the gateway in its own process", async () => {
  const run = start(process.execPath, [launcher, "-f", "a b.yaml"]);
  const started = await run.started();
  expect(started).toMatchObject({ pid: run.process.pid, node: process.versions.node, args: ["-f", "a b.yaml"] });
  await run.end();
});

test("what is not built yet says how to build it", () => {
  const unbuilt = copyLauncher(join(folder, "unbuilt"));
  rmSync(join(folder, "unbuilt/dist"), { recursive: true });
  const { status, stderr } = spawnSync(process.execPath, [unbuilt], { encoding: "utf8" });
  expect(status).toBe(1);
  expect(stderr).toMatch(/^keybearer is not built yet .*npm run build`\n$/);
});

describe.skipIf(oldNode === undefined)("under a Node older than 22.19 (skipped where none is on the PATH)", () => {
  test("the Node that came with the install takes over, with every argument", async () => {
    const run = start(oldNode!, [launcher, "--validate-only", "", "-c", 'a: "$X"']);
    const started = await run.started();
    expect(started.node).toBe(process.versions.node);
    expect(started.args).toEqual(["--validate-only", "", "-c", 'a: "$X"']);
    expect(started.env).toEqual([]);
    await run.end();
  });

  test("the command that npm links in another folder finds it as well", () => {
    const link = join(folder, "keybearer");
    symlinkSync(launcher, link);
    const { status } = spawnSync(oldNode!, [link, "exit", "0"], { cwd: tmpdir() });
    expect(status).toBe(0);
  });

  test.each([0, 1, 2, 75])("exit code %i is passed on", (code) => {
    expect(spawnSync(oldNode!, [launcher, "exit", String(code)]).status).toBe(code);
  });

  test.each(["SIGKILL", "SIGABRT", "SIGTRAP"] as const)("an end by %s is passed on", (signal) => {
    expect(spawnSync(oldNode!, [launcher, "die", signal]).signal).toBe(signal);
  });

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("each %s arrives, and arrives once", async (signal) => {
    const run = start(oldNode!, [launcher]);
    await run.started();
    for (let sent = 0; sent < 2; sent++) {
      run.process.kill(signal);
      expect(await run.signal()).toBe(signal);
    }
    await run.end();
  });

  test("a signal to the whole process group arrives once", async () => {
    const run = start(oldNode!, [launcher], { detached: true });
    await run.started();
    // Often, since two signals that meet on their way are one.
    for (const signal of Array.from({ length: 20 }, (_, index) => (index % 2 ? "SIGINT" : "SIGTERM"))) {
      process.kill(-run.process.pid!, signal);
      expect(await run.signal()).toBe(signal);
    }
    await run.end();
  });

  test.skipIf(python === undefined)("Ctrl-C in a terminal arrives once (skipped without python3)", async () => {
    // A terminal whose keys the test presses: each line on stdin is one Ctrl-C.
    const terminal = [
      "import os, pty, sys, threading",
      "pid, terminal = pty.fork()",
      "if pid == 0: os.execv(sys.argv[1], sys.argv[1:])",
      "def press():",
      "  for _ in sys.stdin: os.write(terminal, b'\\x03')",
      "threading.Thread(target=press, daemon=True).start()",
      "try:",
      "  while True:",
      "    seen = os.read(terminal, 4096)",
      "    if not seen: break",
      "    os.write(1, seen.replace(b'^C', b''))",
      "except OSError: pass",
      "os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))",
    ].join("\n");
    const run = start(python!, ["-c", terminal, oldNode!, launcher]);
    const { ppid } = await run.started();
    for (let pressed = 0; pressed < 20; pressed++) {
      run.process.stdin!.write("\n");
      expect(await run.signal()).toBe("SIGINT");
    }
    await run.end(ppid);
  });

  test("a launcher that is killed outright does not leave a gateway behind", async () => {
    const run = start(oldNode!, [launcher]);
    const started = await run.started();
    run.process.kill("SIGKILL");
    expect(await run.signal()).toBe("SIGTERM");
    process.kill(started.pid, "SIGKILL");
  });

  test("with no better Node in reach, one line names what is needed and what was found", () => {
    const { status, stderr, stdout } = spawnSync(oldNode!, [lonely, "exit", "0"], { encoding: "utf8" });
    expect(status).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^keybearer needs Node >=22\.19; this is \d+\.\d+\.\d+ \([^\n]*\)\n$/);
  });

  test("an installed Node that cannot run is named in the same line", () => {
    const broken = join(folder, "lonely/node_modules", `node-${process.platform}-${process.arch}`, "bin/node");
    mkdirSync(join(broken, ".."), { recursive: true });
    writeFileSync(broken, "#!/no/such/interpreter\n");
    chmodSync(broken, 0o755);
    const { status, stderr } = spawnSync(oldNode!, [lonely], { encoding: "utf8" });
    rmSync(broken);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^keybearer needs Node >=22\.19; [^\n]*cannot be run: [^\n]*\n$/);
  });

  test.skipIf(!existsSync(join(gateway, "dist/main.js")))(
    "the built gateway answers from any folder (skipped before a build)",
    () => {
      const run = spawnSync(oldNode!, [join(gateway, "bin/keybearer.mjs"), "-V"], { cwd: tmpdir(), encoding: "utf8" });
      expect(run.stderr).toBe("");
      expect(run.stdout).toMatch(/\d+\.\d+\.\d+/);
      expect(run.status).toBe(0);
    },
  );
});

/** A process whose lines on stdout are JSON, read one by one. */
function start(command: string, args: readonly string[], options: { detached?: boolean } = {}) {
  const child: ChildProcess = spawn(command, args, { ...options, stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  // A test that went wrong leaves nothing running: the gateway ends at its next word, having nobody to say it to.
  onTestFinished(() => {
    child.kill("SIGKILL");
    child.stdout!.destroy();
  });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  return {
    process: child,
    async started(): Promise<Started> {
      return JSON.parse((await lines.next()).value ?? "null");
    },
    async signal(): Promise<string> {
      return JSON.parse((await lines.next()).value ?? "{}").signal;
    },
    /** The last signal; whatever else is seen first was delivered twice. */
    async end(pid = child.pid!) {
      process.kill(pid, "SIGUSR2");
      expect(await this.signal()).toBe("SIGUSR2");
      expect(await ended).toEqual([3, null]);
    },
  };
}

function copyLauncher(to: string): string {
  mkdirSync(join(to, "dist"), { recursive: true });
  cpSync(join(gateway, "bin"), join(to, "bin"), { recursive: true });
  writeFileSync(join(to, "package.json"), JSON.stringify({ name: "keybearer", type: "module" }));
  writeFileSync(join(to, "dist/main.js"), fakeMain);
  return join(to, "bin/keybearer.mjs");
}

function findOldNode(): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/bin", "/usr/local/bin"];
  return folders
    .map((folder) => join(folder, "node"))
    .filter((path) => existsSync(path))
    .find((path) => {
      const found = spawnSync(path, ["-p", "process.versions.node"], { encoding: "utf8" }).stdout.trim();
      const [major = 0, minor = 0] = found.split(".").map(Number);
      return major > 0 && (major < 22 || (major === 22 && minor < 19));
    });
}
