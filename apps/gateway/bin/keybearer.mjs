#!/usr/bin/env node
/**
 * The command `keybearer`: starts the gateway, under the Node that came with the install where the shell's own is too old.
 *
 * Plain JavaScript in the syntax of Node 12, so that an old Node gets as far as saying what it lacks: no `?.`, no `??`,
 * no top-level await, no `node:` imports.
 */
import { spawn } from "child_process";
import { existsSync, realpathSync } from "fs";
import { constants } from "os";
import { dirname, join } from "path";
import { fileURLToPath, pathToFileURL } from "url";

const needed = [22, 19];
const launcher = fileURLToPath(import.meta.url);
const main = join(dirname(launcher), "..", "dist", "main.js");

/** Set for the process that this launcher starts: the process id of the launcher that waits for it. */
const parentVariable = "KEYBEARER_LAUNCHER_PID";

// Names are resolved on these threads, half of them, for the whole process: one that is slow must not hold up the others.
if (process.env.UV_THREADPOOL_SIZE === undefined) process.env.UV_THREADPOOL_SIZE = "16";

if (!existsSync(main)) {
  complain("keybearer is not built yet (" + main + " is missing): run `npm run build`");
} else if (isNewEnough(process.versions.node)) {
  endWithLauncher();
  import(pathToFileURL(main).href).catch(function (error) {
    complain(error.stack);
    process.exit();
  });
} else {
  const node = findInstalledNode();
  if (node === undefined) complain(nodeTooOld());
  else handOver(node);
}

function isNewEnough(version) {
  const parts = version.split(".").map(Number);
  return parts[0] > needed[0] || (parts[0] === needed[0] && parts[1] >= needed[1]);
}

/** From the launcher's own folder upwards, as Node itself looks for packages; the working directory has no say. */
function findInstalledNode() {
  const binary = join("node-" + process.platform + "-" + process.arch, "bin", "node");
  for (let folder = dirname(launcher); ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", binary);
    // The one that runs us now is no help, and would hand over to itself for ever.
    if (existsSync(candidate) && realpathSync(candidate) !== realpathSync(process.execPath)) return candidate;
    if (folder === dirname(folder)) return undefined;
  }
}

/**
 * Runs this launcher again under `node` and is its stand-in: same arguments and streams, same signals, same end.
 *
 * Every signal must arrive exactly once, since the gateway takes a second one for "end at once". Ctrl-C in a terminal,
 * `timeout` and most supervisors signal the whole process group, `kill PID` the launcher alone, and Node cannot tell the
 * two apart. So the child gets a session of its own (`detached`): it hears nothing but what we pass on, and we pass on
 * everything. It keeps the terminal's streams and loses job control (Ctrl-Z stops only the launcher).
 *
 * The price is that a SIGKILL to the group misses the child. The IPC channel makes up for it: it closes when the
 * launcher dies, however it dies, and the child then ends itself (endWithLauncher).
 */
function handOver(node) {
  // A signal is the child's to answer; our own report would list the environment, keys and all.
  if (process.report) process.report.reportOnSignal = false;
  const child = spawn(node, process.execArgv.concat(launcher, process.argv.slice(2)), {
    detached: true,
    env: Object.assign({}, process.env, { [parentVariable]: String(process.pid) }),
    stdio: ["inherit", "inherit", "inherit", "ipc"],
  });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"];
  signals.forEach(function (signal) {
    process.on(signal, function () {
      child.kill(signal);
    });
  });
  child.on("error", function (error) {
    // Seen where the binary cannot run at all: a C library other than glibc, a volume mounted noexec.
    if (child.pid === undefined) complain(nodeTooOld() + "; " + node + " cannot be run: " + error.message);
  });
  child.on("exit", function (code, signal) {
    if (signal === null) process.exit(code);
    // First of all the exit code, for the process that no signal of its own can end: number 1 in a container.
    process.exitCode = 128 + constants.signals[signal];
    signals.forEach(function (name) {
      process.removeAllListeners(name);
    });
    process.kill(process.pid, signal);
  });
}

/** Where a launcher waits for this process, its death is a SIGTERM: no gateway goes on holding a port for nobody. */
function endWithLauncher() {
  const isLaunched = process.env[parentVariable] === String(process.ppid) && process.channel !== undefined;
  delete process.env[parentVariable];
  if (!isLaunched) return;
  process.once("disconnect", function () {
    process.kill(process.pid, "SIGTERM");
  });
  process.channel.unref(); // listening alone would keep the process alive
}

function nodeTooOld() {
  return (
    "keybearer needs Node >=" + needed.join(".") + "; this is " + process.versions.node + " (" + process.execPath + ")"
  );
}

function complain(line) {
  process.stderr.write(line + "\n");
  process.exitCode = 1;
}
