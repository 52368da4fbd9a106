/** Slow tests, bounded: `npm run test:soak`. */
import { defineConfig } from "vitest/config";
import { packageTests } from "./vitest.shared.ts";

const shared = packageTests("soak", ["apps/gateway/test/soak/*.soak.ts"]);

export default defineConfig({
  ...shared,
  test: { ...shared.test, maxConcurrency: 1, reporters: ["default", "./tests/closing-line-reporter.ts"] },
});
