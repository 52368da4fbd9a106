/** `@keybearer/...` for a module that stands alone beside a config, where no package is installed: the gateway's own. */
import * as nodeModule from "node:module";
import { systemCode } from "../errors.ts";

let areLent = false;

/** Once a process. What a module finds by itself goes before. Node from 22.15 on; an earlier one says what to install. */
export function lendOwnPackages(): void {
  // The types have it always.
  const { registerHooks }: { registerHooks?: typeof nodeModule.registerHooks } = nodeModule;
  if (areLent || !registerHooks) return;
  areLent = true;
  registerHooks({
    resolve(specifier, context, next) {
      try {
        return next(specifier, context);
      } catch (error) {
        if (!specifier.startsWith("@keybearer/") || systemCode(error) !== "ERR_MODULE_NOT_FOUND") throw error;
        return next(specifier, { ...context, parentURL: import.meta.url });
      }
    },
  });
}
