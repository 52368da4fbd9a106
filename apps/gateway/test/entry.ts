/** What a test starts: the sources as they stand, or the built command where `npm test` has built it. */
import { join } from "node:path";

const gateway = join(import.meta.dirname, "..");

/** Arguments for node, before the gateway's own. The two dashes, because node looks for --env-file behind the script, too. */
export const entry: readonly string[] = process.env["KEYBEARER_TEST_BUILT"]
  ? ["--", join(gateway, "bin/keybearer.mjs")]
  : ["--conditions=@keybearer/source", "--", join(gateway, "src/main.ts")];
