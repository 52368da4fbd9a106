/** Why a command cannot be run, if it cannot: it is not on the PATH. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export function unlessOnPath(command: string): string | undefined {
  return isOnPath(command) ? undefined : `no ${command} on the PATH`;
}

function isOnPath(command: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
