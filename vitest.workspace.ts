/** All projects of the monorepo; `vitest.config.ts` re-exports this, so editors and the command line see the same. */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: ["packages/*", "apps/*", "tests", "bench"],
    reporters: ["default", "./tests/closing-line-reporter.ts"],
  },
});
