/** Holds the house in shape: who may import whom, where a key may be revealed, what every package has. */
import { globSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { importsOf, packageOf, packages, read, root, withoutComments } from "./workspace.ts";

/** The allow-list. ARCHITECTURE.md shows it as a table; a test below compares the two. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  secrets: [],
  interpolate: [],
  watch: [],
  telemetry: [],
  simulator: [],
  wire: [],
  config: ["interpolate"],
  "secret-env": ["secrets", "interpolate"],
  "secret-file": ["secrets", "watch"],
  "secret-*": ["secrets"],
  keyring: ["secrets"],
  providers: ["secrets"],
  proxy: ["secrets", "keyring", "providers", "wire"],
  "apps/gateway": ["everything but simulator"],
};

/** The only files that may take a key out of its wrapping: to write it to a request, send it to a worker, blot it out. */
const mayReveal = [
  "packages/providers/src/placement.ts",
  "apps/gateway/src/key-channel.ts",
  "packages/proxy/src/scrub.ts",
];
/** Where `reveal` is defined, and the suite that every source passes. */
const definesReveal = ["packages/secrets/src/secret.ts", "packages/secrets/src/testing/"];

const titleOf = new Map(packages.map(({ manifest, title }) => [manifest.name, title]));
const place = (file: string) => relative(root, file);

describe("the import table", () => {
  test("stands in ARCHITECTURE.md as it is checked here", () => {
    expect(tableIn(read(join(root, "ARCHITECTURE.md")))).toEqual(mayImport);
  });

  test("names packages that exist, and leaves none out", () => {
    for (const { title } of packages) expect(rowOf(title), `no row for ${title}`).toBeDefined();
    const titles = new Set(packages.map(({ title }) => title));
    const named = Object.entries(mayImport).flat(2);
    expect(named.filter((name) => !/\*|everything/.test(name) && !titles.has(name))).toEqual([]);
  });

  describe.each(packages)("$title", ({ title, folder, manifest, sources, tests }) => {
    const imported = new Set(sources.flatMap((file) => importsOf(read(file)).flatMap((name) => packageOf(name) ?? [])));
    const declared = new Set([...Object.keys(manifest.dependencies), ...Object.keys(manifest.peerDependencies)]);

    test("imports none of ours but what its row allows", () => {
      const ours = [...imported, ...declared].flatMap((name) => titleOf.get(name) ?? []);
      expect(ours.filter((other) => !isAllowed(title, other))).toEqual([]);
    });

    test("declares what it imports and imports what it declares", () => {
      const outside = [...imported].filter((name) => name !== manifest.name && !isBuiltin(name));
      expect(outside.filter((name) => !declared.has(name))).toEqual([]);
      // What one of ours asks of whoever installs it (valibot, undici) is declared and need not be imported.
      const asked = packages
        .filter((other) => declared.has(other.manifest.name))
        .flatMap((other) => Object.keys(other.manifest.peerDependencies));
      const needed = new Set([...imported, ...asked]);
      expect([...declared].filter((name) => !needed.has(name))).toEqual([]);
    });

    test("is tested with no more of ours than its row allows, and the simulator", () => {
      const foreign = tests.flatMap((file) =>
        importsOf(read(file))
          .flatMap((name) => titleOf.get(packageOf(name) ?? "") ?? [])
          .filter((other) => other !== "simulator" && !isAllowed(title, other))
          .map((other) => `${place(file)}: ${other}`),
      );
      expect(foreign).toEqual([]);
    });

    test("reaches no file outside its folder by a relative path", () => {
      const outside = [...sources, ...tests].flatMap((file) =>
        importsOf(read(file))
          .filter((name) => name.startsWith("."))
          .filter((name) => relative(folder, resolve(dirname(file), name)).startsWith(".."))
          .map((name) => `${place(file)}: ${name}`),
      );
      expect(outside).toEqual([]);
    });
  });
});

describe("a key", () => {
  const sources = packages.flatMap((each) => each.sources);

  test("is revealed in the audited files alone", () => {
    const revealing = sources
      .filter((file) => /\breveal\b/.test(withoutComments(read(file))))
      .map(place)
      .filter((file) => !definesReveal.some((start) => file.startsWith(start)));
    expect(revealing.filter((file) => !mayReveal.includes(file))).toEqual([]);
    expect(
      mayReveal.filter((file) => !revealing.includes(file)),
      "audited, and reveals nothing",
    ).toEqual([]);
  });

  test("comes in by argument: no package reads the environment of the process", () => {
    const reading = sources
      .filter((file) => /^packages\/[^/]+\/src\//.test(place(file)))
      .filter((file) =>
        /\bprocess\s*(\.\s*env|\[\s*["']env)\b|import\s*\{[^}]*\benv\b[^}]*\}\s*from\s*["'](node:)?process["']/.test(
          withoutComments(read(file)),
        ),
      );
    expect(reading.map(place)).toEqual([]);
  });
});

describe.each(packages)("$title stands alone", ({ folder, manifest, tests }) => {
  test("its README begins with its name", () => {
    const readme = read(join(folder, "README.md"));
    expect(readme.startsWith(`# ${manifest.name}\n`), `expected "# ${manifest.name}"`).toBe(true);
  });

  test("every export names its source first, then types, then what is built", () => {
    for (const target of Object.values(manifest.exports)) {
      expect(Object.keys(target)).toEqual(["@keybearer/source", "types", "default"]);
      expect(target["@keybearer/source"]).toMatch(/^\.\/src\/.*\.ts$/);
      expect(target["types"]).toBe(target["@keybearer/source"]?.replace("/src/", "/dist/").replace(/\.ts$/, ".d.ts"));
      expect(target["default"]).toBe(target["@keybearer/source"]?.replace("/src/", "/dist/").replace(/\.ts$/, ".js"));
    }
  });

  test("has tests", () => {
    expect(tests.length).toBeGreaterThan(0);
  });
});

describe("the repository", () => {
  const files = globSync("**/*.{ts,mts,mjs,js,json,yaml,yml,md,toml,sh}", { cwd: root, exclude: isForeign }).concat(
    globSync([".npmrc", ".gitignore", ".ci/*", ".*.json"], { cwd: root }),
  );

  test("needs no folder beside it", () => {
    const outside = [["..", "shared"].join("/"), ["", "work", ""].join("/")];
    const naming = files.filter((file) => outside.some((path) => read(join(root, file)).includes(path)));
    expect(naming).toEqual([]);
  });

  test("can be installed from any registry: the lockfile holds no address", () => {
    const addresses = read(join(root, "package-lock.json")).match(/"resolved": "[a-z+]+:\/\/[^"]*/g) ?? [];
    expect(addresses).toEqual([]);
  });
});

test("the scan sees every form of import, and none in a comment", () => {
  const code = `
    import a from "a";
    import type { B } from "@b/b/c";
    import {
      c,
      d,
    } from './c.ts';
    export { e } from "e/f";
    export type * from "g";
    import "h";
    const i = await import("i"), j: import("j").K = 1;
    new Worker(new URL("./l.ts", import.meta.url));
    // import m from "m";
    /** import n from "n"; */
    /**
     * import o from "o";
     */
    const url = "https://p"; // import("q")
  `;
  expect(importsOf(code)).toEqual(["a", "@b/b/c", "./c.ts", "e/f", "g", "h", "i", "j", "./l.ts"]);
  expect(importsOf(code).map(packageOf)).toEqual(["a", "@b/b", undefined, "e", "g", "h", "i", "j", undefined]);
});

function rowOf(title: string): readonly string[] | undefined {
  return mayImport[title] ?? (title.startsWith("secret-") ? mayImport["secret-*"] : undefined);
}

function isAllowed(title: string, other: string): boolean {
  const allowed = rowOf(title) ?? [];
  if (other === title) return true;
  return allowed.includes(other) || (allowed.includes("everything but simulator") && other !== "simulator");
}

/** Rows of the table whose head is `package | may import`: `a, b | c, d`; `nothing` is an empty list. */
function tableIn(markdown: string): Record<string, string[]> {
  const lines = markdown.split("\n");
  const head = lines.findIndex((line) => /^\| package\b.*\| may import\b/.test(line));
  const rows = lines.slice(head + 2);
  const end = rows.findIndex((line) => !line.startsWith("|"));
  const cells = rows.slice(0, end).map((row) => row.split("|").map((cell) => cell.replaceAll("`", "").trim()));
  return Object.fromEntries(
    cells.flatMap(([, from = "", to = ""]) =>
      from.split(", ").map((name) => [name, to === "nothing" ? [] : to.split(", ")]),
    ),
  );
}

function isForeign(path: string): boolean {
  return /(^|\/)(node_modules|dist|\.git|\.turbo|coverage)$/.test(path);
}
