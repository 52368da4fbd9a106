import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSimulator } from "@keybearer/simulator";
import { describe, expect, onTestFinished, test } from "vitest";
import { oneRoute, type OneRoute } from "./configs.ts";
import { directoryOf, runKeybearer, type RunOptions } from "./keybearer.ts";

interface Report {
  readonly errors: number;
  readonly warnings: number;
  readonly findings: readonly {
    readonly severity: string;
    readonly code: string;
    readonly place?: string;
    readonly message: string;
    readonly fix?: string;
  }[];
  readonly notChecked: readonly { readonly name: string; readonly why: string }[];
}

async function doctor(options: RunOptions, ...args: readonly string[]) {
  const { code, stdout, stderr } = await runKeybearer({ ...options, args: ["doctor", "--json", ...args] });
  const report = JSON.parse(stdout) as Report;
  const codes = report.findings.map(({ severity, code }) => `${severity} ${code}`);
  return { ...report, codes, code, text: stdout + stderr };
}

const clean = "{ key: { file: key.txt } }";
const files = { "key.txt": "sk-canary-0123456789abcdef\n" };
const route = (more: Partial<OneRoute> = {}): string => oneRoute({ upstream: "127.0.0.1:9", auth: clean, ...more });
/** Looks like one that a provider has issued. */
const real = "sk-proj-Ab3dEf6hIj9lMn2pQr5tUv8xYz1bCd4fGh7jKl0nOp3rSt6v";
const hasGit = spawnSync("git", ["--version"]).status === 0;

describe("keybearer doctor", () => {
  test("finds nothing where nothing is wrong", async () => {
    const report = await doctor({ config: route(), files });
    expect(report).toMatchObject({ code: 0, codes: [], errors: 0, warnings: 0, notChecked: [] });
    const { code, stdout } = await runKeybearer({ config: route(), files, args: ["doctor"] });
    expect({ code, stdout }).toEqual({ code: 0, stdout: "Nothing wrong was found.\n" });
  });

  test.each<[string, Partial<OneRoute>, string[]]>([
    ["a key that stands in the config", { auth: `{ key: "${real}" }` }, ["warning SECRET_INLINE"]],
    ["an open address without client keys", { bind: ["address: 0.0.0.0"] }, ["warning OPEN_ADDRESS"]],
    [
      "an open address with client keys",
      { bind: ["address: 0.0.0.0"], policies: ["apiKey: { keys: [{ key: a-client }] }"] },
      [],
    ],
    ["an address of this machine", { bind: ['address: "127.0.0.1"'] }, []],
    [
      "a way without TLS that is allowed",
      { upstream: "provider.example:80", auth: "{ key: { file: key.txt }, allowCleartext: true }" },
      ["warning CLEARTEXT_ALLOWED"],
    ],
    ["a way without TLS that is not", { upstream: "provider.example:80" }, ["error KEY_IN_CLEARTEXT"]],
    ["a private way, allowed for nothing", { auth: "{ key: { file: key.txt }, allowCleartext: true }" }, []],
    [
      "one key under two names",
      { auth: '{ keys: [{ name: a, key: { file: key.txt } }, { name: b, key: "$SAME" }] }' },
      ["warning KEY_TWICE"],
    ],
    [
      "one key under two names of one scope",
      { auth: '{ keys: [{ name: a, scope: s, key: { file: key.txt } }, { name: b, scope: s, key: "$SAME" }] }' },
      [],
    ],
    ["a key that is not there", { auth: "{ key: { file: none.txt } }" }, ["error SECRET_NOT_FOUND"]],
    [
      "a key that is not waited for",
      { auth: "{ key: { value: { file: none.txt }, startup: wait } }" },
      ["error SECRET_NOT_FOUND"],
    ],
  ])("%s", async (_, more, codes) => {
    const env = { SAME: "sk-canary-0123456789abcdef" };
    const report = await doctor({ config: route(more), files, env });
    expect(report.codes).toEqual(codes);
    expect(report.code).toBe(codes.some((each) => each.startsWith("error")) ? 1 : 0);
    for (const { place, fix } of report.findings) {
      expect(place).toMatch(/^config\.yaml:\d+:\d+$/);
      expect(fix).not.toBe("");
    }
    expect(report.text).not.toMatch(/canary|sk-proj-Ab3/);
  });

  test("a key of another provider, where the provider's own address is used", async () => {
    const config = route().replace(' hostOverride: "127.0.0.1:9",', "");
    const report = await doctor({ config, files: { "key.txt": "sk-ant-api03-0123456789abcdef\n" } });
    expect(report.codes).toEqual(["warning KEY_OF_ANOTHER_PROVIDER"]);
  });

  test("a key that is older than it may be", async () => {
    const directory = directoryOf(files);
    utimesSync(join(directory, "key.txt"), 1_700_000_000, 1_700_000_000);
    const config = route({ auth: "{ key: { value: { file: key.txt }, maxAge: 30d } }" });
    expect((await doctor({ directory, config })).codes).toEqual(["warning SECRET_OLD"]);
  });

  test("an admin port that all may reach", async () => {
    for (const address of ["0.0.0.0:15000", "[::]:15000", "192.0.2.7:15000"]) {
      const { codes } = await doctor({ config: route(), files, env: { ADMIN_ADDR: address } });
      expect(codes).toEqual(["error ADMIN_OPEN"]);
    }
    for (const address of ["127.0.0.1:15000", "[::1]:15000", "localhost:15000", "off"]) {
      expect((await doctor({ config: route(), files, env: { ADMIN_ADDR: address } })).codes).toEqual([]);
    }
  });

  test.skipIf(process.platform === "win32")("files that others may read and write", async () => {
    const directory = directoryOf({ ...files, "config.yaml": route({ auth: `{ key: "${real}" }` }) });
    chmodSync(join(directory, "config.yaml"), 0o646);
    expect((await doctor({ directory })).codes).toEqual([
      "warning SECRET_INLINE",
      "warning CONFIG_READABLE",
      "warning CONFIG_WRITABLE",
    ]);
    writeFileSync(join(directory, "config.yaml"), route());
    chmodSync(join(directory, "config.yaml"), 0o644);
    chmodSync(join(directory, "key.txt"), 0o622);
    expect((await doctor({ directory })).codes).toEqual(["warning SECRET_FILE_WRITABLE"]);
  });

  test.skipIf(process.platform === "win32" || !hasGit)(
    "an env file that others may read and write, or git keeps",
    async () => {
      const directory = directoryOf({
        ...files,
        "config.yaml": route({ auth: '{ key: "$KEY" }' }),
        "keys.env": `KEY=${real}`,
      });
      const look = async () => {
        const { stdout } = await runKeybearer({ directory, args: ["doctor", "--json", "--env-file", "keys.env"] });
        return (JSON.parse(stdout) as Report).findings.map(({ code, place }) => `${code} ${place}`);
      };
      chmodSync(join(directory, "keys.env"), 0o600);
      expect(await look()).toEqual([]);
      chmodSync(join(directory, "keys.env"), 0o646);
      expect(await look()).toEqual(["ENV_FILE_READABLE keys.env", "ENV_FILE_WRITABLE keys.env"]);
      chmodSync(join(directory, "keys.env"), 0o600);
      spawnSync("git", ["init", "-q"], { cwd: directory });
      spawnSync("git", ["add", "keys.env"], { cwd: directory });
      expect(await look()).toEqual(["KEY_COMMITTED keys.env"]);
    },
  );

  test.skipIf(!hasGit)("keys that git keeps, in files of their own and in the config", async () => {
    const directory = directoryOf({ "keys/one.txt": "sk-canary-one\n", "keys/two.txt": "sk-canary-two\n" });
    const git = (...args: readonly string[]) => spawnSync("git", args, { cwd: directory });
    mkdirSync(join(directory, "deploy"));
    writeFileSync(
      join(directory, "deploy/gateway.yaml"),
      route({
        auth: `{ keys: [{ key: { file: ../keys/one.txt } }, { key: { file: ../keys/two.txt } }, { key: "${real}" }] }`,
      }),
      { mode: 0o600 },
    );
    git("init", "-q");
    git("add", "keys/two.txt");
    const { stdout } = await runKeybearer({ directory, args: ["doctor", "--json", "-f", "deploy/gateway.yaml"] });
    const { findings } = JSON.parse(stdout) as Report;
    expect(findings.map(({ code }) => code)).toEqual(["SECRET_INLINE", "KEY_COMMITTED"]);
    expect(findings[1]?.message).toContain("keys/two.txt");
    git("add", "deploy");
    const again = await runKeybearer({ directory, args: ["doctor", "--json", "-f", "deploy/gateway.yaml"] });
    expect(again.code).toBe(1);
    expect((JSON.parse(again.stdout) as Report).findings.map(({ code, place }) => [code, place])).toEqual([
      ["SECRET_INLINE", expect.stringMatching(/^deploy\/gateway\.yaml:\d+:\d+$/)],
      ["KEY_COMMITTED", "deploy/gateway.yaml"],
      ["KEY_COMMITTED", expect.stringMatching(/^deploy\/gateway\.yaml:\d+:\d+$/)],
    ]);
  });

  test("every error of a config that cannot be understood, with its lines", async () => {
    const { code, errors, codes } = await doctor({ config: "binds: 7\nbinds: 8\nmore: 1\n" });
    expect({ code, errors }).toEqual({ code: 1, errors: codes.length });
    const { stdout } = await runKeybearer({ config: "binds: 7\n", args: ["doctor"] });
    expect(stdout).toMatch(/^1 error\n\nconfig\.yaml:1:8: CONFIG_TYPE: .*\n\n +1 \| binds: 7\n +\| +\^\n/);
  });

  test("a warning fails with --strict alone", async () => {
    const config = route({ bind: ["address: 0.0.0.0"] });
    const [lenient, strict] = await Promise.all([
      runKeybearer({ config, files, args: ["doctor"] }),
      runKeybearer({ config, files, args: ["doctor", "--strict"] }),
    ]);
    expect([lenient.code, strict.code]).toEqual([0, 1]);
    expect(strict.stdout).toBe(lenient.stdout);
    expect(strict.stdout).toMatch(
      /^1 warning\n\nconfig\.yaml:5:12: OPEN_ADDRESS: .*\n {6}found {2}0\.0\.0\.0\n {6}fix {4}give /,
    );
  });

  test("runs no program and loads no module, and says which keys it has not checked", async () => {
    const directory = directoryOf({
      "pass.mjs": "import { writeFileSync } from 'node:fs'; writeFileSync('loaded', ''); export default [];",
      "program.sh": "#!/bin/sh\ntouch ran\necho sk-canary-of-a-program\n",
    });
    chmodSync(join(directory, "program.sh"), 0o700);
    const program = join(directory, "program.sh");
    const config = `secretSources: ["./pass.mjs"]
${route({ auth: `{ keys: [{ name: a, key: { exec: { command: [${program}] } } }, { name: b, key: { pass: { entry: x } } }] }` })}`;
    const report = await doctor({ directory, config });
    expect(report).toMatchObject({ code: 0, codes: [] });
    expect(report.notChecked.map(({ name, why }) => [name, why])).toEqual([
      ["a", expect.stringContaining("--run-sources")],
      ["b", expect.stringContaining("--run-sources")],
    ]);
    const { stdout } = await runKeybearer({ directory, args: ["doctor"] });
    expect(stdout).toMatch(/^Nothing wrong was found\.\n\n2 keys not checked\n\nconfig\.yaml:10:\d+: a: /);
    expect(["ran", "loaded"].filter((name) => existsSync(join(directory, name)))).toEqual([]);
  });

  test("reads what a program writes with --run-sources", async () => {
    const directory = directoryOf();
    const config = route({ auth: '{ key: { exec: { command: [/bin/sh, -c, "exit 3"] } } }' });
    expect((await doctor({ directory, config }, "--run-sources")).codes).toEqual(["error SECRET_UNAVAILABLE"]);
  });

  test("asks providers with --online alone", async () => {
    const simulator = await startSimulator({ keys: [{ key: "sk-canary-poor", insufficientQuota: true }] });
    onTestFinished(() => simulator.close());
    const auth = '{ keys: [{ name: poor, key: "sk-canary-poor" }, { name: bad, key: "sk-canary-bad" }] }';
    const config = route({ upstream: simulator.host, auth });
    expect((await doctor({ config })).codes).toEqual([]);
    expect(simulator.requests).toEqual([]);
    const { codes, text } = await doctor({ config }, "--online");
    expect(codes).toEqual(["error KEY_WITHOUT_MONEY", "error KEY_REFUSED"]);
    expect(text).not.toContain("canary");
    simulator.refuseConnections();
    expect((await doctor({ config }, "--online")).codes).toEqual(Array(2).fill("warning PROVIDER_UNREACHABLE"));
  });
});
