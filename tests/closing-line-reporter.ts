/** Prints the one line that a machine reads, last: `Tests: N passed, N failed, N skipped`. */
import type { Reporter, TestModule } from "vitest/node";

export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const count = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") count.passed++;
        else if (state === "failed") count.failed++;
        else count.skipped++;
      }
      // A file that could not be loaded has no tests to fail: it counts as one.
      if (!module.ok() && module.children.size === 0) count.failed++;
    }
    count.failed += errors.length;
    // Checks that ran before the tests (scripts/check.mjs) and failed count as one each.
    const failedChecks = process.env["KEYBEARER_FAILED_CHECKS"]?.split(" ").filter(Boolean) ?? [];
    count.failed += failedChecks.length;
    process.once("exit", () => {
      if (failedChecks.length > 0) process.stdout.write(`Failed before the tests: ${failedChecks.join(", ")}\n`);
      process.stdout.write(`Tests: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`);
    });
  }
}
