/** The monorepo as its checks see it: each package's manifest, its files, and what they import. */
import { existsSync, globSync, readFileSync } from "node:fs";
import { basename, join, relative } from "node:path";

export const root = join(import.meta.dirname, "..");

type Names = Readonly<Record<string, string>>;

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, Names>>;
  readonly dependencies: Names;
  readonly peerDependencies: Names;
}

export interface Package {
  /** As tables call it: `secrets`, `apps/gateway`. */
  readonly title: string;
  readonly folder: string;
  readonly manifest: Manifest;
  /** What it ships: sources and launchers, no tests. */
  readonly sources: readonly string[];
  readonly tests: readonly string[];
}

export const packages: readonly Package[] = globSync(["packages/*/package.json", "apps/*/package.json"], { cwd: root })
  .toSorted()
  .map((path) => {
    const folder = join(root, path, "..");
    const files = globSync(["src/**/*.ts", "bin/**/*.mjs", "test/**/*.ts"], { cwd: folder }).map((file) =>
      join(folder, file),
    );
    const isTest = (file: string) => /\.test(-d)?\.ts$/.test(file) || relative(folder, file).startsWith("test/");
    return {
      title: path.startsWith("packages/") ? basename(folder) : relative(root, folder),
      folder,
      manifest: { dependencies: {}, peerDependencies: {}, ...JSON.parse(read(join(folder, "package.json"))) },
      sources: files.filter((file) => !isTest(file)),
      tests: files.filter(isTest),
    };
  });

/** False in a checkout where nobody has run `npm run build` yet. */
export const isBuilt = packages.some(({ folder }) => existsSync(join(folder, "dist")));

export function read(path: string): string {
  return readFileSync(path, "utf8");
}

/** Comments out, strings kept. Exact enough for formatted sources: a line comment follows a space or begins its line. */
export function withoutComments(code: string): string {
  return code.replaceAll(/\/\*[^]*?\*\//g, "").replaceAll(/(^|\s)\/\/.*$/gm, "$1");
}

/** Everything that a module names for loading, types included: `./route.ts`, `node:fs`, `@keybearer/secrets/testing`. */
export function importsOf(code: string): string[] {
  const forms = [
    /^\s*(?:import|export)\b[^"'`;]*?\bfrom\s*["']([^"']+)["']/gm, // import x from "y", export { x } from "y"
    /^\s*import\s*["']([^"']+)["']/gm, // import "y"
    /\bimport\(\s*["']([^"']+)["']/g, // import("y"), also as a type
    /\bnew URL\(\s*["']([^"']+)["'],\s*import\.meta\.url/g, // a worker's module
  ];
  const plain = withoutComments(code);
  return forms.flatMap((form) => Array.from(plain.matchAll(form), ([, name = ""]) => name));
}

/** `@keybearer/secrets/testing` -> `@keybearer/secrets`; undefined for a relative path and for Node's own modules. */
export function packageOf(imported: string): string | undefined {
  if (/^(\.|\/|node:|data:)/.test(imported)) return undefined;
  return imported.split("/", imported.startsWith("@") ? 2 : 1).join("/");
}
