/**
 * The user docs say what is so: configs are valid, or refused with the code that they name, commands run, tables match the
 * sources. A block says by the words behind its language how it is checked:
 *   yaml               a whole config is validated by the real command; a part, from `backendAuth:` down, within a route
 *   yaml refused=CODE  refused with this code alone
 *   yaml no-keys       validated with --no-keys, for keys that this machine has not
 *   sh run             runs in the page's folder, `config.yaml` being the nearest config above; localhost:3000 and the ports
 *                      beside it are those of the quickstart's gateway
 *   ts                 runs, ends by itself, and has no type error
 */
import { execFile } from "node:child_process";
import { existsSync, globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { environmentVariables } from "@keybearer/config";
import { startSimulator, type Simulator } from "@keybearer/simulator";
import { ConfigErrors, createGateway, type Gateway } from "keybearer";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as unsupported from "../packages/config/src/schema/unsupported.ts";
import { entry } from "../apps/gateway/test/entry.ts";
import { anchorsIn, blocksIn, codesIn, linksIn, markOf, rowsIn, type Block } from "./markdown.ts";
import { read, root } from "./workspace.ts";

const run = promisify(execFile);
const pages = ["README.md", ...globSync("docs/*.md", { cwd: root }).toSorted()];
const textOf = (path: string) => read(join(root, path));
const blocks = pages.flatMap((page) => blocksIn(page, textOf(page)));
const yaml = blocks.filter(({ language }) => language === "yaml");
const isWhole = ({ text }: Block) => /^binds:/m.test(text);

// What the pages and examples name, beside their configs: key.txt and these variables.
const folder = mkdtempSync(join(tmpdir(), "keybearer-docs-"));
const bin = join(folder, "bin");
const keys = { OPENAI_API_KEY: "sk-of-the-docs", CLIENT_KEY: "client-of-the-docs", TEAM_KEY: "team-of-the-docs" };
const env = {
  ...keys,
  PATH: [bin, process.env["PATH"]].join(delimiter),
  HOME: folder,
  CURL_HOME: folder,
  NODE_COMPILE_CACHE: join(tmpdir(), `keybearer-compile-cache-${process.getuid?.() ?? 0}`),
};

beforeAll(() => {
  mkdirSync(bin);
  const program = [process.execPath, ...entry].map((word) => `'${word}'`).join(" ");
  writeFileSync(join(bin, "keybearer"), `#!/bin/sh\nexec ${program} "$@"\n`, { mode: 0o755 });
  writeFileSync(join(folder, "key.txt"), "sk-in-a-file\n", { mode: 0o600 });
  // An answer of 400 or more is a failure.
  writeFileSync(join(folder, ".curlrc"), "fail-with-body\nsilent\nshow-error\n");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("a config is valid:", () => {
  const shown = yaml
    .filter((block) => isWhole(block) && !markOf(block, "refused"))
    .map(({ place, text }) => ({ name: place, text }));
  const files = globSync(["examples/*/config.yaml", "packages/config/src/cases/manage-api-keys-*.yaml"], { cwd: root });
  const kept = files.toSorted().map((path) => ({ name: path, text: textOf(path) }));

  test.concurrent.each([...shown, ...kept])("$name", async ({ name, text }) => {
    expect(await validate(name, text)).toBe("Configuration is valid!\n");
  });

  const withoutKeys = yaml.filter(({ marks }) => marks.includes("no-keys"));
  test.concurrent.each(withoutKeys)("$place (its keys unread)", async ({ place, text }) => {
    expect(await validate(place, within(text), "--no-keys")).toBe("Configuration is valid!\n");
  });

  const parts = yaml.filter((block) => !isWhole(block) && block.marks.length === 0);
  test.each(parts)("$place (a part)", async ({ text }) => {
    expect(await codesOf(within(text))).toEqual([]);
  });
});

test.each(yaml.filter((block) => markOf(block, "refused")))("a config is refused: $place", async (block) => {
  expect(await codesOf(isWhole(block) ? block.text : within(block.text))).toEqual([markOf(block, "refused")]);
});

describe.skipIf(process.platform === "win32")("a command runs", () => {
  let simulator: Simulator;
  let gateway: Gateway;
  beforeAll(async () => {
    simulator = await startSimulator({ keys: ["sk-simulated"] });
    const text = textOf("examples/quickstart/config.yaml").replace("port: 3000", "port: 0");
    gateway = await createGateway({
      config: { name: "config.yaml", bytes: Buffer.from(text), directory: folder, origin: "file" },
      env: { get: (name) => (name === "SIMULATOR_PORT" ? new URL(simulator.origin).port : undefined) },
      settingsEnv: { ADMIN_ADDR: "localhost:0", STATS_ADDR: "localhost:0", READINESS_ADDR: "localhost:0" },
      workers: 0,
    });
  });
  afterAll(async () => {
    await gateway.close();
    await simulator.close();
  });

  const commands = blocks.filter(({ language, marks }) => language === "sh" && marks.includes("run"));
  test.for(commands)("$place", async (block, { skip }) => {
    const missing = ["curl", "openssl"].find(
      (name) => new RegExp(`\\b${name} `).test(block.text) && !isInstalled(name),
    );
    skip(missing !== undefined, `${missing} is not installed`);
    const own = join(folder, block.page.replaceAll("/", "-"));
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, "key.txt"), "sk-in-a-file\n", { mode: 0o600 });
    writeFileSync(join(own, "config.yaml"), configFor(block));
    const { stdout } = await run("sh", ["-euc", onPortsOf(gateway, block.text)], { cwd: own, env });
    if (block.text.includes('"stream":true')) expect(stdout).toMatch(/data: \[DONE\]\n\n$/);
  });
});

describe("TypeScript", () => {
  const examples = blocks.filter(({ language }) => language === "ts");
  // Inside the repository, so that packages are found by name; not in node_modules, where Node strips no types.
  const sources = mkdtempSync(join(root, "tests/.readme-docs-"));
  afterAll(() => rmSync(sources, { recursive: true, force: true }));
  const named = examples.map((block, index) => ({ ...block, file: join(sources, `example${index}.ts`) }));
  for (const { file, text } of named) writeFileSync(file, text);

  test.concurrent.each(named)("runs: $place", async ({ file }) => {
    await run(process.execPath, ["--conditions=@keybearer/source", file], { cwd: folder, env, timeout: 15_000 });
  });

  test("has no type error", async () => {
    const config = join(sources, "tsconfig.json");
    writeFileSync(config, JSON.stringify({ extends: "../../tsconfig.json", include: ["*.ts"] }));
    const compiler = join(root, "node_modules/.bin/tsc");
    const { stdout } = await run(process.execPath, [compiler, "-p", config]).catch(
      (error: { stdout: string }) => error,
    );
    // What is wrong in the sources themselves is reported by `npm run typecheck`.
    expect(stdout.split("\n").filter((line) => /example\d+\.ts/.test(line))).toEqual([]);
  });
});

describe("docs/errors.md has every code:", () => {
  const page = textOf("docs/errors.md");
  const documented = (heading: RegExp) => rowsIn(page, ["code"], heading).flatMap(([cell = ""]) => codesIn(cell));

  test("to callers, with status and reason", () => {
    const source = textOf("packages/proxy/src/errors.ts");
    const facts = Array.from(source.matchAll(/^ {2}(\w+): \[(\d+), "(\w+)"\],$/gm), ([, code, status, reason]) => [
      `\`${code}\``,
      status,
      reason,
    ]);
    expect(facts.map(([code]) => code)).toEqual(unionIn(source, "ProxyErrorCode").map((code) => `\`${code}\``));
    const head = ["code", "status", "reason"];
    expect(rowsIn(page, head, /^To callers$/).map((row) => row.slice(0, 3))).toEqual(facts);
  });

  test("of the config", () => {
    const [, list = ""] = /configErrorCodes = \[([^\]]*)\]/.exec(textOf("packages/config/src/errors.ts")) ?? [];
    expect(documented(/^The config$/)).toEqual(quotedIn(list));
  });

  test("of keys", () => {
    expect(documented(/^Keys$/)).toEqual(unionIn(textOf("packages/secrets/src/errors.ts"), "SecretErrorCode"));
  });

  test("of the command", () => {
    expect(documented(/^Everything else$/)).toEqual(unionIn(textOf("apps/gateway/src/errors.ts"), "GatewayErrorCode"));
  });

  test("of rules about keys, and notices", () => {
    const places = ["apps/gateway/src/load/*.ts", "packages/secret-*/src/*.ts", "packages/secrets/src/*.ts"];
    const sources = globSync(places, { cwd: root })
      .filter((path) => !path.endsWith(".test.ts"))
      .map(textOf);
    const made = new Set<string>(
      sources.flatMap((text) => Array.from(text.matchAll(/\bcode: "([A-Z_]+)"/g), ([, code = ""]) => code)),
    );
    const elsewhere = [
      ...unionIn(textOf("packages/secrets/src/errors.ts"), "SecretErrorCode"),
      ...documented(/^The config$/),
    ];
    for (const code of elsewhere) made.delete(code);
    const told = documented(/^(Where keys go|Notices)$/);
    expect(sorted(told)).toEqual(sorted([...made]));
  });

  test("of the doctor", () => {
    const sources = globSync("apps/gateway/src/doctor/*.ts", { cwd: root }).filter(
      (path) => !path.endsWith(".test.ts"),
    );
    const made = sources.flatMap((path) =>
      Array.from(textOf(path).matchAll(/\bcode: "([A-Z_]+)"/g), ([, code = ""]) => code),
    );
    expect(sorted(documented(/^What the doctor finds$/))).toEqual(sorted(made));
  });

  test("of definitions made by hand", () => {
    const [, union = ""] = /readonly code:((?:\s*\| "\w+")+);/.exec(textOf("packages/proxy/src/errors.ts")) ?? [];
    expect(documented(/^In code$/)).toEqual(quotedIn(union));
  });
});

describe("docs/configuration.md has every", () => {
  const page = textOf("docs/configuration.md");

  test("field, and no other", async () => {
    const { stdout } = await run(process.execPath, [...entry, "schema"], { cwd: folder, env, maxBuffer: 2 ** 24 });
    const cells = [...rowsIn(page, ["field"]), ...rowsIn(page, ["policy"])].map(([first = ""]) => first);
    const told = cells.flatMap(codesIn).flatMap((path) => path.replaceAll("[]", "").split("."));
    expect(sorted(told.filter((name) => name !== ""))).toEqual(sorted(fieldsIn(JSON.parse(stdout))));
  });

  test("name that is not supported yet", () => {
    const told = rowsIn(page, ["place", "names"]).flatMap(([, names = ""]) => codesIn(names));
    const refused = Object.values(unsupported).flatMap((names) => Object.values(names).flat());
    const known = new Set([...told.flatMap((name) => name.split(".")), "openAI"]);
    expect(refused.filter((name) => !known.has(name))).toEqual([]);
  });

  test("environment override", () => {
    const told = rowsIn(page, ["variable"]).flatMap(([name = ""]) => codesIn(name));
    expect(told).toEqual([...environmentVariables]);
  });
});

describe("docs/limits.md has every", () => {
  const page = textOf("docs/limits.md");
  const told = (column: string) =>
    rowsIn(page, ["what", "default", "field", "beyond it", "counted as"]).flatMap((cells) =>
      codesIn(cells[["what", "default", "field", "beyond it", "counted as"].indexOf(column)] ?? ""),
    );

  test("field of frontendPolicies and config.backend, and none that is not there", async () => {
    const { stdout } = await run(process.execPath, [...entry, "schema"], { cwd: folder, env, maxBuffer: 2 ** 24 });
    const { frontendPolicies, config } = JSON.parse(stdout).properties;
    const bounds = [
      ...leavesIn(frontendPolicies, "frontendPolicies"),
      ...leavesIn(config.properties.backend, "config.backend"),
    ];
    const fields = [...told("field"), ...told("beyond it")].filter((name) => name.includes("."));
    const named = new Set(fields.map((name) => name.split(":")[0]?.replaceAll("[]", "") ?? ""));
    expect(sorted([...named].filter((name) => /^(frontendPolicies|config\.backend)\./.test(name)))).toEqual(
      sorted(bounds),
    );
    const all = new Set(fieldsIn(JSON.parse(stdout)));
    expect([...named].flatMap((name) => name.split(".")).filter((name) => !all.has(name))).toEqual([]);
  });

  test("name that is counted", () => {
    const source = textOf("packages/proxy/src/limits.ts");
    const upstream = ["connection-pool", "queue"]
      .map((name) => textOf(`packages/proxy/src/upstream/${name}.ts`))
      .join("");
    const counted = Array.from(upstream.matchAll(/(?:limited\(|refuse\([\w.]+, )"(\w+)"/g), ([, name = ""]) => name);
    const names = told("counted as").filter((name) => !/^(agentgateway|keybearer)_/.test(name));
    expect(sorted(names)).toEqual(sorted([...unionIn(source, "LimitName"), ...counted]));
  });
});

test("docs/operations.md has every field of the access log", () => {
  const source = textOf("packages/telemetry/src/access-log.ts");
  const calls = source.matchAll(/\b(?:text|steady|number|name)\((\s*"[^)]*)\)/g);
  const written = Array.from(calls, ([, names = ""]) => names.match(/[\w.]+/g) ?? []).flat();
  const told = rowsIn(textOf("docs/operations.md"), ["field"], /^Access log$/).flatMap(([cell = ""]) => codesIn(cell));
  expect(sorted(told)).toEqual(sorted([...written, "key.attempts", "caller.NAME"]));
});

describe("links", () => {
  const others = ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"].filter((page) => existsSync(join(root, page)));

  test.each([...pages, ...others])("of %s lead somewhere", (page) => {
    const dead = linksIn(textOf(page)).filter((link) => {
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? join(root, page) : resolve(root, dirname(page), path);
      if (relative(root, target).startsWith("..") || !existsSync(target)) return true;
      return anchor !== undefined && !anchorsIn(read(target)).includes(anchor);
    });
    expect(dead).toEqual([]);
  });
});

/** What the real command prints; rejects, with the errors, when it refuses. */
async function validate(name: string, text: string, ...flags: string[]): Promise<string> {
  const own = mkdtempSync(join(folder, "config-"));
  writeFileSync(join(own, "config.yaml"), text);
  const args = [...entry, "-f", join(own, "config.yaml"), "--validate-only", ...flags];
  const { stdout } = await run(process.execPath, args, { cwd: folder, env }).catch((error: { stderr: string }) => {
    throw new Error(`${name} is refused:\n${error.stderr}`, { cause: error });
  });
  return stdout;
}

/** Codes of the errors with which a config is refused; none: it serves. */
async function codesOf(text: string): Promise<string[]> {
  const config = { name: "config.yaml", bytes: Buffer.from(text), directory: folder, origin: "file" } as const;
  const lookup: Readonly<Record<string, string>> = keys;
  try {
    const gateway = await createGateway({ config, env: { get: (name) => lookup[name] }, workers: 0 });
    await gateway.close();
    return [];
  } catch (error) {
    if (!ConfigErrors.is(error)) throw error;
    return error.errors.map(({ code }) => code);
  }
}

/** A whole config around a part that begins with `backendAuth:`. */
function within(part: string): string {
  expect(part).toMatch(/^backendAuth:/);
  return `config: { adminAddr: "off", statsAddr: "off", readinessAddr: "off" }
binds:
- port: 0
  listeners:
  - routes:
    - backends: [{ ai: { name: openai, provider: { openAI: {} } } }]
      policies:
${part.replaceAll(/^/gm, "        ")}`;
}

function configFor({ place, page }: Block): string {
  const whole = blocks.filter((block) => block.page === page && (block.place === place || isValid(block)));
  const at = whole.findIndex((block) => block.place === place);
  return (whole.slice(0, at).findLast(isValid) ?? whole.find(isValid))?.text ?? "";
}

function isValid(block: Block): boolean {
  return block.language === "yaml" && isWhole(block) && block.marks.length === 0;
}

function onPortsOf({ urls }: Gateway, text: string): string {
  const [bind = ""] = urls.binds;
  return text
    .replaceAll("http://localhost:3000", bind)
    .replaceAll("http://localhost:15000", urls.admin ?? "")
    .replaceAll("http://localhost:15020", urls.stats ?? "")
    .replaceAll("http://localhost:15021", urls.readiness ?? "");
}

function isInstalled(name: string): boolean {
  return env.PATH.split(delimiter).some((path) => existsSync(join(path, name)));
}

/** The members of `export type NAME = | "A" | "B"`. */
function unionIn(source: string, name: string): string[] {
  const [, members = ""] = new RegExp(`type ${name} =((?:\\s*\\|? ?"\\w+")+);`).exec(source) ?? [];
  return quotedIn(members);
}

function quotedIn(text: string): string[] {
  return Array.from(text.matchAll(/"(\w+)"/g), ([, word = ""]) => word);
}

/** Names of all properties in a JSON Schema. */
function fieldsIn(schema: unknown): string[] {
  if (typeof schema !== "object" || schema === null) return [];
  const properties = "properties" in schema ? Object.keys(schema.properties ?? {}) : [];
  return [...properties, ...Object.values(schema).flatMap(fieldsIn)];
}

/** Paths of the fields of a JSON Schema that hold no further ones. */
function leavesIn(schema: unknown, path: string): string[] {
  const properties =
    typeof schema === "object" && schema !== null && "properties" in schema
      ? Object.entries(schema.properties ?? {})
      : [];
  return properties.length === 0 ? [path] : properties.flatMap(([name, each]) => leavesIn(each, `${path}.${name}`));
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].toSorted();
}
