/**
 * Slow tests, bounded: `npm run test:soak`, for longer with KEYBEARER_SOAK_ROTATIONS=10000 (1000 by default) and
 * KEYBEARER_SOAK_MINUTES=50 (20 by default, of the mixed one).
 */
import { defineConfig } from "vitest/config";
import { packageTests } from "./vitest.shared.ts";

const shared = packageTests("soak", ["apps/gateway/test/soak/*.soak.ts", "tests/soak/*.soak.ts"]);

export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    // One at a time: each takes both cores of a small machine.
    fileParallelism: false,
    // A soak that hangs ends itself within seconds, so this may be as long as the longest run.
    testTimeout: 3_600_000,
    disableConsoleIntercept: true,
    reporters: ["default", "./tests/closing-line-reporter.ts"],
  },
});
