/** What every package's tests have in common: sources are tested as they stand, no build needed. */
import { availableParallelism } from "node:os";
import { defineProject, type UserWorkspaceConfig } from "vitest/config";

const conditions = ["@keybearer/source", "module", "node", "development|production"];

export function packageTests(
  name: string,
  include: string[] = ["src/**/*.test.ts", "test/**/*.test.ts"],
): UserWorkspaceConfig {
  return defineProject({
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    test: {
      name,
      include,
      environment: "node",
      testTimeout: 20_000,
      // Two at a time: what runs concurrently here are processes, and CI has two cores.
      maxConcurrency: 2,
      // As many files at once as there are cores. By itself vitest leaves one core to its own process, which is idle
      // while tests run.
      maxWorkers: availableParallelism(),
    },
  });
}
