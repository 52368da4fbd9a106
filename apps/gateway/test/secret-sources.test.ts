/** A key source of the operator's own, brought in by the config alone. */
import { startSimulator } from "@keybearer/simulator";
import { describe, expect, test } from "vitest";
import { ask, oneRoute } from "./configs.ts";
import { runKeybearer, startKeybearer } from "./keybearer.ts";

/** Without a build, and without anything to import: a source is an object. */
const vault = `
export const vault = {
  name: "vault",
  schema: { "~standard": { version: 1, vendor: "own", validate: (value) => ({ value }) } },
  async open(path, context) {
    const version = context.seal(\`sk-from-the-vault-\${path}\`);
    return {
      current: () => version,
      refresh: async () => version,
      subscribe: () => () => {},
      status: () => ({ state: "fresh" }),
      async [Symbol.asyncDispose]() {},
    };
  },
};
`;

describe("secretSources", () => {
  const configFor = (host: string): string =>
    `secretSources: [./vault.mjs]\n${oneRoute({ upstream: host, auth: "{ key: { vault: llm } }" })}`;

  test("bring in a word for keys, and what is behind it serves", async () => {
    const provider = await startSimulator();
    const gateway = await startKeybearer({ config: configFor(provider.host), files: { "vault.mjs": vault } });
    expect((await ask(gateway.url)).status).toBe(200);
    expect(provider.keysSeen).toEqual(["sk-from-the-vault-llm"]);
    await gateway.stop();
    await provider.close();
  });

  test("are not loaded by a look at the config, unless it is told to", async () => {
    const files = { "vault.mjs": 'throw new Error("this must not run");' };
    const config = configFor("127.0.0.1:9");
    expect(await runKeybearer({ config, files, args: ["--validate-only"] })).toMatchObject({ code: 0 });
    const told = await runKeybearer({ config, files, args: ["--validate-only", "--run-sources"] });
    expect(told).toMatchObject({ code: 1 });
    expect(told.stderr).toMatch(
      /^config\.yaml:1:17: SECRET_SOURCE_MODULE: cannot load \.\/vault\.mjs: this must not run$/m,
    );
  });

  test("may import the gateway's own packages where none is installed", async () => {
    const module = `
import { defineSecretSource } from "@keybearer/secrets";
const schema = { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } };
export default defineSecretSource({ name: "vault", schema, ttl: "10m", fetch: async () => "sk-from-the-vault" });`;
    const checked = await runKeybearer({
      config: configFor("127.0.0.1:9"),
      files: { "vault.mjs": module },
      args: ["--validate-only", "--run-sources"],
    });
    expect(checked).toMatchObject({ code: 0, stderr: expect.not.stringContaining("SECRET_SOURCE_MODULE") });
  });

  test("that are no sources, or are missing, are errors at their place", async () => {
    const config = configFor("127.0.0.1:9");
    const none = await runKeybearer({ config, files: { "vault.mjs": "export default 1;" } });
    expect(none.stderr).toContain(
      "config.yaml:1:17: SECRET_SOURCE_MODULE: cannot load ./vault.mjs: it exports no key source",
    );
    const missing = await runKeybearer({ config });
    expect(missing.stderr).toContain(
      "config.yaml:1:17: SECRET_SOURCE_MODULE: cannot load ./vault.mjs: Cannot find module",
    );
    const lacking = await runKeybearer({ config, files: { "vault.mjs": 'import "nowhere-to-be-found";' } });
    expect(lacking.stderr).toMatch(
      /cannot load \.\/vault\.mjs: Cannot find package 'nowhere-to-be-found'[^]*npm install nowhere-to-be-found/,
    );
    expect([none.code, missing.code, lacking.code]).toEqual([1, 1, 1]);
    expect(missing.stderr).not.toContain("    at ");
  });
});
