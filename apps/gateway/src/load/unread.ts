/** Which keys a command leaves unread: those whose reading would run a program, load a module or leave the machine. */
import type { KeyReference } from "@keybearer/config";

export interface ReadingRules {
  /** Whether programs may be run and modules loaded. */
  readonly runSources: boolean;
  /** Whether stores may be asked over the network. */
  readonly online: boolean;
}

const RUNS_A_PROGRAM: ReadonlySet<string> = new Set(["exec"]);
const ASKS_THE_NETWORK: ReadonlySet<string> = new Set(["kubernetes"]);

/** The reason, with the flag that lifts it; undefined: it may be read. */
export function whyUnread(
  { source, isUnchecked }: Pick<KeyReference, "source" | "isUnchecked">,
  { runSources, online }: ReadingRules,
): string | undefined {
  if (isUnchecked) return "its source is a module, loaded with --run-sources";
  if (!runSources && RUNS_A_PROGRAM.has(source)) return "its source runs a program, with --run-sources";
  if (!online && ASKS_THE_NETWORK.has(source)) return "its source is asked over the network, with --online";
  return undefined;
}
