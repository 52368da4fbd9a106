/** Entry of the binary. */
import { main } from "./cli/main.ts";
import { endOnUncaughtError, keepEnvironmentOutOfReports, scrubStream } from "./process-exits.ts";

keepEnvironmentOutOfReports();
endOnUncaughtError();
scrubStream(process.stdout);
scrubStream(process.stderr);

// Whoever reads our messages may go; that is no reason to stop serving.
process.stderr.on("error", () => undefined);
// What was asked for is wanted no longer: `keybearer schema | head`.
process.stdout.on("error", () => process.exit(0));

process.exitCode = await main(process.argv.slice(2), {
  env: process.env,
  workingDirectory: process.cwd(),
  stdin: process.stdin,
  say: (text) => void process.stderr.write(text),
  print: (text) => void process.stdout.write(text),
});
