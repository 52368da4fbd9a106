/** `keybearer init source`: a key source of the user's own, with its test, ready to be changed. */
import { createRequire } from "node:module";
import { isAbsolute, join, resolve } from "node:path";
import { sources } from "../sources.ts";
import { UsageError, type InitSourceArguments } from "./arguments.ts";
import type { Terminal } from "./main.ts";
import { writeNewFiles } from "./new-files.ts";
import { sourceModule, sourceTest, tokenVariable } from "./source-template.ts";

/** What else stands in `key: {...}` or `backendAuth: {...}`, where a source's word would not be read as one. */
const otherWords = ["value", "location", "previous", "overlap", "startup", "passthrough"];

/** Throws UsageError for a name that cannot be a source's word, GatewayError for files that cannot be written. */
export async function initSource({ name, directory }: InitSourceArguments, terminal: Terminal): Promise<number> {
  if ([...sources.map((source) => source.name), ...otherWords].includes(name)) {
    throw new UsageError(`${name} has a meaning in configs already: choose another name for the source`);
  }
  const { workingDirectory } = terminal;
  const module = join(directory, `${name}.mjs`);
  const test = join(directory, `${name}.test.mjs`);
  const files = [
    { path: module, text: sourceModule(name) },
    { path: test, text: sourceTest(name) },
  ];
  await writeNewFiles(files, workingDirectory);
  const install = findsSecrets(resolve(workingDirectory, directory)) ? undefined : installFor(directory);
  terminal.say(nextSteps(name, module, test, install));
  return 0;
}

/** Whether a module in that folder can import what the two files import. */
function findsSecrets(directory: string): boolean {
  try {
    createRequire(join(directory, "any.mjs")).resolve("@keybearer/secrets/testing");
    return true;
  } catch {
    return false;
  }
}

function installFor(directory: string): string {
  const into = directory === "." ? "" : ` --prefix ${directory}`;
  return `npm install${into} @keybearer/secrets   # the files import it, and it is not found from there yet`;
}

function nextSteps(name: string, module: string, test: string, install: string | undefined): string {
  const specifier = isAbsolute(module) || module.startsWith("..") ? module : `./${module}`;
  return `Wrote ${module}, which works as it is, and ${test}. Ask your store in its fetch(). Next:
${install === undefined ? "" : `\n  ${install}`}
  node --test ${test}

In the config, from whose folder the path counts:

  secretSources: [${JSON.stringify(specifier)}]

and where it wants a key:

  key: { ${name}: { url: "https://keys.example.com", entry: openai } }

The store gets ${tokenVariable(name)}, from the environment, as its bearer token.
`;
}
