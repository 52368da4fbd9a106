import { chmodSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { oneRoute } from "./configs.ts";
import { directoryOf, runKeybearer, startKeybearer, type RunOptions } from "./keybearer.ts";

const config = oneRoute({ upstream: "127.0.0.1:9", auth: '{ key: "$KEY" }' });
const validate = (options: RunOptions) =>
  runKeybearer({ ...options, args: [...(options.args ?? []), "--validate-only"] });
const VALID = "Configuration is valid!\n";

describe("what a command line asks for", () => {
  test("-V and --version print the version, -h and --help all flags, on stdout", async () => {
    const [short, long, help, longHelp] = await Promise.all(
      ["-V", "--version", "-h", "--help"].map((flag) => runKeybearer({ args: [flag] })),
    );
    expect(short).toEqual({ code: 0, signal: null, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: "" });
    expect(long).toEqual(short);
    expect(help).toMatchObject({ code: 0, stderr: "" });
    for (const flag of ["-f", "-c", "--validate-only", "--no-keys", "--env-file", "-V", "-h", "init", "schema"]) {
      expect(help!.stdout).toContain(flag);
    }
    expect(longHelp).toEqual(help);
  });

  test("a flag or command that is not known, or makes no sense: one line, the usage, exit 2", async () => {
    const wrong: [string[], RegExp][] = [
      [["--nope"], /^keybearer: unknown option '--nope'\n/],
      [["-f"], /^keybearer: .*-f.*\n/],
      [["-f", "a", "-c", "b"], /^keybearer: -f and -c exclude each other\n/],
      [["--no-keys"], /^keybearer: --no-keys goes with --validate-only\n/],
      [["serve"], /^keybearer: unknown command: serve\n/],
      [["schema", "x"], /^keybearer: unexpected argument: x\n/],
    ];
    const ended = await Promise.all(wrong.map(([args]) => runKeybearer({ args })));
    for (const [index, { code, stdout, stderr }] of ended.entries()) {
      expect(stderr).toMatch(wrong[index]![1]);
      expect(stderr).toMatch(/^[^\n]*\nusage: keybearer /);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    }
  });

  test("schema prints a JSON Schema that knows every key source", async () => {
    const { code, stdout, stderr } = await runKeybearer({ args: ["schema"] });
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const schema = JSON.parse(stdout) as Record<string, unknown>;
    expect(schema).toMatchObject({ $schema: expect.stringContaining("json-schema.org"), type: "object" });
    expect(Object.keys(schema["properties"] as object)).toContain("binds");
    for (const word of ["file", "env", "inline", "passthrough", "openAI"]) expect(stdout).toContain(`"${word}"`);
  });
});

describe("init", () => {
  test("writes a config that loads, tells what to do next, and leaves one that is there", async () => {
    const directory = directoryOf();
    const first = await runKeybearer({ directory, args: ["init"] });
    expect(first).toMatchObject({ code: 0, stdout: "" });
    expect(first.stderr).toContain("export OPENAI_API_KEY=");
    expect(statSync(join(directory, "config.yaml")).mode & 0o077).toBe(0);
    const written = readFileSync(join(directory, "config.yaml"), "utf8");
    expect(await validate({ directory, env: { OPENAI_API_KEY: "sk-of-a-test" } })).toMatchObject({
      code: 0,
      stdout: VALID,
    });

    const again = await runKeybearer({ directory, args: ["init"] });
    expect(again).toMatchObject({ code: 1, stdout: "" });
    expect(again.stderr).toMatch(/^keybearer: FILE_EXISTS: .*config\.yaml.*\n$/);
    expect(readFileSync(join(directory, "config.yaml"), "utf8")).toBe(written);
  });

  test("takes the name of the file, and says -f with it; a place that cannot be written is one line", async () => {
    const directory = directoryOf();
    const [named, nowhere] = await Promise.all([
      runKeybearer({ directory, args: ["init", "other.yaml"] }),
      runKeybearer({ directory, args: ["init", "no/such/folder.yaml"] }),
    ]);
    expect(named.stderr).toContain("keybearer -f other.yaml --validate-only");
    expect(existsSync(join(directory, "other.yaml"))).toBe(true);
    expect(nowhere).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^keybearer: [A-Z_]+: cannot write .*\n$/),
    });
  });
});

describe("the config comes from", () => {
  const env = { KEY: "sk-of-a-test" };

  test("-f FILE, -f - and -c, each named in messages as what it is", async () => {
    const broken = "binds: 7\n";
    const [file, stdin, inline] = await Promise.all([
      validate({ files: { "a.yaml": broken }, args: ["-f", "a.yaml"] }),
      validate({ stdin: broken, args: ["-f", "-"] }),
      validate({ args: ["-c", broken] }),
    ]);
    expect(file.stderr).toMatch(/^a\.yaml:1:8: /);
    expect(stdin.stderr).toMatch(/^<stdin>:1:8: /);
    expect(inline.stderr).toMatch(/^<command line>:1:8: /);
    for (const { code, stdout } of [file, stdin, inline]) expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    const good = await Promise.all([
      validate({ files: { "a.yaml": config }, args: ["-f", "a.yaml"], env }),
      validate({ stdin: config, args: ["-f", "-"], env }),
      validate({ args: ["-c", config], env }),
    ]);
    for (const ended of good) expect(ended).toMatchObject({ code: 0, stdout: VALID });
  });

  test("./config.yaml, then $XDG_CONFIG_HOME, else ~/.config, without a flag", async () => {
    const other = "keybearer/config.yaml";
    const places = [
      { files: { "config.yaml": config, [`.config/${other}`]: "binds: 7" }, env },
      {
        files: { [`xdg/${other}`]: config, [`.config/${other}`]: "binds: 7" },
        env: { ...env, XDG_CONFIG_HOME: "xdg" },
      },
      { files: { [`.config/${other}`]: config }, env },
    ];
    for (const ended of await Promise.all(places.map(validate)))
      expect(ended).toMatchObject({ code: 0, stdout: VALID });
  });

  test.skipIf(existsSync("/config/config.yaml"))(
    "nowhere: a message says where it looked and how to begin",
    async () => {
      const { code, stdout, stderr } = await runKeybearer({ env: { XDG_CONFIG_HOME: "/no/xdg" } });
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      for (const place of ["config.yaml", "/no/xdg/keybearer/config.yaml", "/config/config.yaml"]) {
        expect(stderr).toContain(`  ${place}\n`);
      }
      expect(stderr).toContain("keybearer init");
    },
  );

  test("a file that is missing, a directory, or one that may not be read: one line each, exit 1", async () => {
    const directory = directoryOf({ "secret.yaml": config });
    mkdirSync(join(directory, "folder.yaml"));
    chmodSync(join(directory, "secret.yaml"), 0);
    const isRoot = process.getuid?.() === 0;
    const names = ["missing.yaml", "folder.yaml", ...(isRoot ? [] : ["secret.yaml"])];
    const why = ["no such file", "it is a directory", "permission denied"];
    const ended = await Promise.all(names.map((name) => runKeybearer({ directory, args: ["-f", name] })));
    for (const [index, { code, stdout, stderr }] of ended.entries()) {
      expect(stderr).toBe(`keybearer: CONFIG_UNREADABLE: cannot read the config ${names[index]}: ${why[index]}\n`);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    }
  });

  test("a default place that is there and cannot be read is no reason to look further", async () => {
    const directory = directoryOf({ ".config/keybearer/config.yaml": config });
    mkdirSync(join(directory, "config.yaml"));
    const { code, stderr } = await validate({ directory, env });
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: "keybearer: CONFIG_UNREADABLE: cannot read the config config.yaml: it is a directory\n",
    });
  });
});

describe("--validate-only", () => {
  test("prints every error, each with file, line and column, and exits 1", async () => {
    const wrong = `
binds:
- port: 99999
  listeners:
  - routes:
    - backend:
      - ai: { name: a, provider: { openAI: {} } }
      policies: { backendAuth: { key: 7 } }
`;
    const { code, stdout, stderr } = await validate({ config: wrong });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(placesIn(stderr)).toEqual(
      ["3:9", "6:7", "8:39"].map((place) => expect.stringContaining(`config.yaml:${place}: `)),
    );
    expect(stderr).toContain("did you mean backends?");
    expect(stderr).not.toMatch(/^ {4}at /m);
  });

  test("reads every key, unless --no-keys says that this machine has none", async () => {
    const [withKeys, without] = await Promise.all([
      validate({ config }),
      runKeybearer({ config, args: ["--validate-only", "--no-keys"] }),
    ]);
    expect(withKeys).toMatchObject({ code: 1, stdout: "" });
    expect(withKeys.stderr).toMatch(/^config\.yaml:\d+:\d+: SECRET_NOT_FOUND: the variable KEY is not set\n/);
    expect(without).toMatchObject({ code: 0, stdout: VALID });
  });

  test("an environment override that cannot be used is an error that names the variable", async () => {
    const { code, stderr } = await validate({ config, env: { KEY: "sk-of-a-test", STATS_ADDR: "here" } });
    expect(code).toBe(1);
    expect(stderr).toContain("STATS_ADDR");
    expect(stderr).not.toMatch(/^ {4}at /m);
  });
});

describe("--env-file", () => {
  const files = { "one.env": "KEY=sk-first\nNAME=first\n", "two.env": "# a comment\nexport KEY='sk-second'\n" };
  const keyOf = async (options: RunOptions): Promise<string> => {
    const keybearer = await startKeybearer({ config, ...options });
    return /^key +openai +env +(\w+)/m.exec(keybearer.stderr)?.[1] ?? "none";
  };

  test("the last file wins, and the process environment wins over them", async () => {
    const both = ["--env-file", "one.env", "--env-file", "two.env"];
    const [first, last, fromProcess, sameAsLast] = await Promise.all([
      keyOf({ files, args: ["--env-file", "one.env"] }),
      keyOf({ files, args: both }),
      keyOf({ files, args: both, env: { KEY: "sk-process" } }),
      keyOf({ env: { KEY: "sk-second" } }),
    ]);
    expect(new Set([first, last, fromProcess]).size).toBe(3);
    expect(last).toBe(sameAsLast);
  });

  test("feeds the config alone: it sets no port of the gateway itself", async () => {
    const keybearer = await startKeybearer({
      config,
      files: { "a.env": "KEY=sk-first\nADMIN_ADDR=off\n" },
      args: ["--env-file", "a.env"],
      env: { ADMIN_ADDR: "127.0.0.1:0" },
    });
    expect(keybearer.urls.admin).toMatch(/^http:/);
  });

  test("one that is missing or that is none: one line, with its place", async () => {
    const [missing, none] = await Promise.all([
      validate({ config, args: ["--env-file", "no.env"] }),
      validate({ config, files: { "b.env": "KEY=x\nwhat is this\n" }, args: ["--env-file", "b.env"] }),
    ]);
    expect(missing.stderr).toBe("keybearer: ENV_FILE_UNREADABLE: cannot read the env file no.env: no such file\n");
    expect(none.stderr).toMatch(/^keybearer: ENV_FILE_SYNTAX: b\.env:2: .*\n$/);
    expect([missing.code, none.code]).toEqual([1, 1]);
  });
});

function placesIn(errors: string): string[] {
  return errors.split("\n").filter((line) => /^\S+:\d+:\d+: /.test(line));
}
