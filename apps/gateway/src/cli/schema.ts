/** `keybearer schema`: the JSON Schema of a config, for editors. */
import { configJsonSchema } from "@keybearer/config";
import { providers } from "../providers.ts";
import { sources } from "../sources.ts";
import type { Terminal } from "./main.ts";

export function schema(terminal: Terminal): number {
  terminal.print(`${JSON.stringify(configJsonSchema({ sources, providers }), null, 2)}\n`);
  return 0;
}
