/** Each `cases/NAME.yaml` gives what `cases/NAME.expected.txt` says: every error in full, or the config. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { hasVariables } from "@keybearer/interpolate";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { configErrorCodes, ConfigErrors, parseConfig, type ParseOptions } from "./index.ts";

const folder = join(import.meta.dirname, "cases");
const names = readdirSync(folder)
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => basename(name, ".yaml"));

const variables = new Map([
  ["SET", "set"],
  ["HOST", "example.com"],
  ["CLIENT_KEY", "client-key"],
  ["FINGERPRINT_KEY", "fingerprint"],
  ["DIRECTORY", "/home/me"],
]);

const options: ParseOptions = {
  fileName: "config.yaml",
  lookup: (name) => variables.get(name),
  sources: [
    { name: "env", schema: v.string(), scalar: (text) => (hasVariables(text) ? text : undefined) },
    { name: "file", schema: v.pipe(v.string(), v.nonEmpty("expected a path")) },
    { name: "inline", schema: v.string(), scalar: (text) => text },
  ],
  providers: [{ name: "openAI", schema: v.strictObject({ model: v.optional(v.string()) }) }],
};

function outcome(name: string): string {
  try {
    const { config } = parseConfig(readFileSync(join(folder, `${name}.yaml`)), options);
    return `${JSON.stringify(structuredClone(config), pathsAsText, 2)}\n`;
  } catch (error) {
    if (!ConfigErrors.is(error)) throw error;
    return `${error.format()}\n`;
  }
}

function pathsAsText(name: string, value: unknown): unknown {
  return name === "path" && Array.isArray(value) ? value.join(".") : value;
}

describe("a config file", () => {
  test.each(names)("%s", async (name) => {
    await expect(outcome(name)).toMatchFileSnapshot(join(folder, `${name}.expected.txt`));
  });

  test("of every kind of error is among the cases, but for one that would be 4 MiB long", () => {
    const texts = readdirSync(folder)
      .filter((name) => name.endsWith(".expected.txt"))
      .map((name) => readFileSync(join(folder, name), "utf8"))
      .join("\n");
    const shown = configErrorCodes.filter((code) => texts.includes(`: ${code}: `));
    expect(shown).toEqual(configErrorCodes.filter((code) => code !== "CONFIG_TOO_LARGE"));
  });
});
