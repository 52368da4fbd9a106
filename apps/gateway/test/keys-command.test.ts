import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { oneRoute } from "./configs.ts";
import { directoryOf, runKeybearer } from "./keybearer.ts";

const key = "sk-canary-0123456789abcdef";
const pool = `{ keys: [
  { name: one, key: { file: key.txt } },
  { name: two, key: "$KEY" },
  { name: three, key: { file: none.txt } },
  { name: four, key: { exec: { command: [/bin/sh, -c, "touch ran; echo sk-from-a-program"] } } } ] }`;
const config = oneRoute({ upstream: "127.0.0.1:9", auth: pool.replaceAll("\n", "") });
const files = { "key.txt": `${key}\n` };
const env = { KEY: "sk-canary-of-a-variable" };

/** An admin port that says what it is told to. */
async function adminPort(status: number, body: string): Promise<string> {
  const server = createServer((request, response) => {
    response.writeHead(request.url === "/keys" ? status : 404).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const running = {
  from: "gateway",
  config: "running.yaml",
  at: "2026-11-24T12:00:00.000Z",
  keys: [
    {
      name: "live",
      place: "running.yaml:3:5",
      source: "file",
      state: "cooling",
      why: "limited-by-code",
      until: "2026-11-24T12:00:30.000Z",
      fingerprint: "3f9a1c07",
      version: 4,
      ageSeconds: 7200,
      lastUsed: "2026-11-24T11:59:50.000Z",
      usage: { requests: 12, inputTokens: 100, outputTokens: 20, refused401: 1, limited429: 3 },
    },
  ],
};

describe("keybearer keys", () => {
  test("makes a table of what the config alone says, where no gateway runs", async () => {
    const { code, stdout, stderr } = await runKeybearer({ config, files, env, args: ["keys"] });
    const rows = stdout.trimEnd().split("\n").map((line) => line.split(/ {2,}/)); // prettier-ignore
    expect(code).toBe(0);
    expect(rows.map(([name, place, source]) => [name, place, source])).toEqual([
      ["NAME", "WHERE", "SOURCE"],
      ["one", expect.stringMatching(/^config\.yaml:9:\d+$/), "file"],
      ["two", expect.stringMatching(/^config\.yaml:9:\d+$/), "env"],
      ["three", expect.stringMatching(/^config\.yaml:9:\d+$/), "file"],
      ["four", expect.stringMatching(/^config\.yaml:9:\d+$/), "exec"],
    ]);
    expect(rows.map((row) => row.at(-1))).toEqual([
      "STATE",
      "readable",
      "readable",
      "unreadable (SECRET_NOT_FOUND: there is no such file)",
      expect.stringMatching(/^notChecked .*--run-sources/),
    ]);
    expect(stderr).toContain("names no admin port");
    expect(stdout + stderr).not.toContain("canary");
  });

  test("runs no program, unless it is told to", async () => {
    const directory = directoryOf();
    const json = async (...args: readonly string[]) => {
      const { stdout } = await runKeybearer({ directory, config, files, env, args: ["keys", "--json", ...args] });
      const { from, keys } = JSON.parse(stdout) as { from: string; keys: { name: string; state: string }[] };
      expect(from).toBe("config");
      return keys.find(({ name }) => name === "four")?.state;
    };
    expect(await json()).toBe("notChecked");
    expect(await json("--run-sources")).toBe("readable");
  });

  test("asks the gateway at the config's admin port, and says so", async () => {
    const admin = await adminPort(200, JSON.stringify(running));
    const ended = await runKeybearer({ config, env: { ADMIN_ADDR: admin }, args: ["keys"] });
    expect(ended.stdout).toMatch(
      /^live +running\.yaml:3:5 +file +3f9a1c07 +4 +2h +10s ago +- +- +12 +120 +1 +3 +cooling \(for 30s; limited-by-code\)$/m,
    );
    expect(ended).toMatchObject({ code: 0, stderr: `from the gateway at http://${admin}, which runs running.yaml\n` });
  });

  test("asks the admin port that it is told, and needs no config for that", async () => {
    const admin = await adminPort(200, JSON.stringify(running));
    const ended = await runKeybearer({ args: ["keys", "--admin", `http://${admin}`, "--json"] });
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(ended.stdout)).toEqual(running);
  });

  test("takes nothing else for a gateway: without --admin the config speaks, with it that is an error", async () => {
    const other = await adminPort(200, "[]");
    const [quiet, told] = await Promise.all([
      runKeybearer({ config, files, env: { ...env, ADMIN_ADDR: other }, args: ["keys"] }),
      runKeybearer({ args: ["keys", "--admin", `http://${other}`] }),
    ]);
    expect(quiet).toMatchObject({ code: 0, stderr: expect.stringContaining(`no gateway answers at http://${other}`) });
    expect(quiet.stdout).toMatch(/^one +config\.yaml/m);
    expect(told).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("ADMIN_UNAVAILABLE") });
  });

  test("says when it is refused, or nobody is there", async () => {
    const closed = await adminPort(401, "a token is wanted");
    const [refused, nobody, noUrl] = await Promise.all([
      runKeybearer({ config, files, env: { ...env, ADMIN_ADDR: closed }, args: ["keys"] }),
      runKeybearer({ args: ["keys", "--admin", "http://127.0.0.1:9"] }),
      runKeybearer({ args: ["keys", "--admin", "http://[nowhere"] }),
    ]);
    for (const ended of [refused, nobody, noUrl]) expect(ended).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(/^keybearer: ADMIN_UNAVAILABLE: .* \(status 401\)\n$/);
    expect(nobody.stderr).toMatch(/^keybearer: ADMIN_UNAVAILABLE: .*: nothing listens there\n$/);
    expect(noUrl.stderr).toMatch(/^keybearer: ADMIN_UNAVAILABLE: .* is no URL/);
  });

  test("is understood, or not, as other commands are", async () => {
    const wrong = [
      ["keys", "chek"],
      ["keys", "check", "more"],
      ["keys", "--strict"],
      ["keys", "check", "--admin", "http://localhost"],
      ["keys", "-f", "a", "-c", "b"],
      ["keys", "--validate-only"],
      ["--json"],
      ["--run-sources"],
      ["doctor", "--admin", "http://localhost"],
      ["schema", "--online"],
    ];
    for (const ended of await Promise.all(wrong.map((args) => runKeybearer({ args })))) {
      expect(ended).toMatchObject({ code: 2, stdout: "", stderr: expect.stringMatching(/^keybearer: .+\nusage: /) });
    }
  });
});

test("--validate-only runs no program, unless it is told to, and says which keys it has not checked", async () => {
  const auth = '{ key: { exec: { command: [/bin/sh, -c, "exit 3"] } } }';
  const only = oneRoute({ upstream: "127.0.0.1:9", auth });
  const [left, run] = await Promise.all([
    runKeybearer({ config: only, args: ["--validate-only"] }),
    runKeybearer({ config: only, args: ["--validate-only", "--run-sources"] }),
  ]);
  expect(left).toMatchObject({ code: 0, stdout: "Configuration is valid!\n" });
  expect(left.stderr).toMatch(/^config\.yaml:9:\d+: the key openai is not checked: .*--run-sources$/m);
  expect(run).toMatchObject({ code: 1, stderr: expect.stringContaining("SECRET_UNAVAILABLE") });
});
