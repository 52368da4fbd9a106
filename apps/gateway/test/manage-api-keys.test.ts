/** agentgateway's page "Manage API keys": its three configs, as they are printed there. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { startSimulator, type Simulator } from "@keybearer/simulator";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { ask } from "./configs.ts";
import { directoryOf, runKeybearer, startKeybearer } from "./keybearer.ts";

const page = (key: string): string => `binds:
- port: 3000
  listeners:
  - routes:
    - backends:
       - ai:
          name: openai
          provider:
            openAI:
              # Optional; overrides the model in requests
              model: gpt-3.5-turbo
      policies:
        backendAuth:
          ${key}
`;

const inline = page('key: "sk-proj...."');
const environment = page('key: "$OPENAI_API_KEY"');
const file = page(`key: 
            file: "key.txt"`);

let provider: Simulator;
beforeAll(async () => {
  provider = await startSimulator({ keys: ["sk-proj....", "sk-from-the-environment", "sk-from-the-file"] });
});
beforeEach(() => provider.clear());
afterAll(() => provider.close());

/** Port 3000 may be taken where tests run, and OpenAI is not to be bothered: nothing else is changed. */
function nearby(config: string): string {
  return config
    .replace("port: 3000", "port: 0")
    .replace("          name: openai\n", `          name: openai\n          hostOverride: "${provider.host}"\n`);
}

const validate = (config: string, more: { env?: Record<string, string>; directory?: string } = {}) =>
  runKeybearer({ config, ...more, args: ["--validate-only"] });
const valid = { code: 0, stdout: "Configuration is valid!\n" };

describe("the page's configs, letter by letter,", () => {
  const env = { OPENAI_API_KEY: "sk-from-the-environment" };

  test("inline: valid, and served with that key and that model", async () => {
    expect(await validate(inline)).toMatchObject(valid);
    const keybearer = await startKeybearer({ config: nearby(inline) });
    const answer = await ask(keybearer.url, { body: { model: "gpt-4o" } });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ model: "gpt-3.5-turbo" });
    expect(provider.requests[0]).toMatchObject({ path: "/v1/chat/completions", key: "sk-proj...." });
  });

  test("inline: no warning about a key that is plainly none; one about a key that looks real, without its value", async () => {
    const real = "sk-proj-a1B2c3D4e5F6g7H8i9J0kLmN";
    const [page, warned] = await Promise.all([validate(inline), validate(inline.replace("sk-proj....", real))]);
    expect(page.stderr).not.toContain("SECRET_INLINE");
    expect(warned).toMatchObject(valid);
    expect(warned.stderr).toMatch(/^config\.yaml:14:16: SECRET_INLINE: /m);
    expect(warned.stderr).toContain("key: { file: key.txt }");
    expect(warned.stderr).not.toContain(real);
  });

  test("environment variable: valid, and served with its value", async () => {
    expect(await validate(environment, { env })).toMatchObject(valid);
    const keybearer = await startKeybearer({ config: nearby(environment), env });
    expect((await ask(keybearer.url)).status).toBe(200);
    expect(provider.keysSeen).toEqual(["sk-from-the-environment"]);
  });

  test("environment variable: an unquoted heredoc with the variable unset leaves an empty key, and the error says so", async () => {
    const directory = directoryOf();
    const script = `cat <<EOF > config.yaml\n${environment}EOF\n`;
    execFileSync("sh", ["-c", script], { cwd: directory, env: { PATH: process.env["PATH"] ?? "" } });
    const { code, stderr } = await runKeybearer({ directory, args: ["--validate-only"] });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^config\.yaml:14:16: SECRET_EMPTY: /);
    expect(stderr).toContain("<<'EOF'");
  });

  test("file: valid, and served with what the file holds; its end of line is no part of the key", async () => {
    const directory = directoryOf();
    execFileSync("sh", ["-c", 'umask 077; echo "sk-from-the-file" >> key.txt'], { cwd: directory });
    expect(await validate(file, { directory })).toMatchObject({
      ...valid,
      stderr: expect.not.stringContaining("key.txt"),
    });
    const keybearer = await startKeybearer({ config: nearby(file), directory });
    expect((await ask(keybearer.url)).status).toBe(200);
    expect(provider.keysSeen).toEqual(["sk-from-the-file"]);
  });

  test("file: written twice with >>, the error names the two lines and the way out", async () => {
    const directory = directoryOf();
    execFileSync("sh", ["-c", 'for i in 1 2; do echo "sk-from-the-file" >> key.txt; done'], { cwd: directory });
    const { code, stderr } = await validate(file, { directory });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^config\.yaml:15:19: SECRET_MALFORMED: .*line/);
    expect(stderr).toContain("2 lines");
    expect(stderr).toContain(">>");
    expect(stderr).not.toContain("sk-from-the-file");
  });

  test("file: looked up beside the config, then in the working directory; missing, both places are named", async () => {
    const beside = directoryOf({ "config.yaml": nearby(file), "key.txt": "sk-from-the-file\n" });
    const lone = directoryOf({ "config.yaml": nearby(file) });
    const cwd = directoryOf({ "key.txt": "sk-from-the-environment\n" });
    const empty = directoryOf();
    const run = (directory: string, cwd: string) => ({ cwd, args: ["-f", join(directory, "config.yaml")] });
    const [first, second, missing] = await Promise.all([
      startKeybearer(run(beside, cwd)),
      startKeybearer(run(lone, cwd)),
      runKeybearer(run(lone, empty)),
    ]);
    await ask(first.url);
    await ask(second.url);
    expect(provider.keysSeen).toEqual(["sk-from-the-file", "sk-from-the-environment"]);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain(`${join(lone, "key.txt")} or ${join(empty, "key.txt")}`);
  });
});
