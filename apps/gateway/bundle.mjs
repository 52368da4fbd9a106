/**
 * The command in a few files: writes main.js and worker.js in dist anew, so that a start does not look for 400 modules, which
 * took half of its time. What others made stays outside, where an audit finds it and an update reaches it.
 */
import { globSync, rmSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { rolldown } from "rolldown";

const source = join(import.meta.dirname, "src");
const dist = join(import.meta.dirname, "dist");

// As globals they are getters, which V8 calls anew each time: some twenty times a request.
const inject = {
  Buffer: ["node:buffer", "Buffer"],
  performance: ["node:perf_hooks", "performance"],
  process: ["node:process", "default"],
};

for (const file of globSync("{main,worker}-chunk-*", { cwd: dist })) rmSync(join(dist, file));
// Each for itself: what the two have in common is loaded twice in any case, and as one file sooner.
for (const name of ["main", "worker"]) {
  const bundle = await rolldown({
    input: { [name]: join(source, `${name}.ts`) },
    platform: "node",
    resolve: { conditionNames: ["@keybearer/source", "node", "import"] },
    external: (id) => !id.startsWith("@keybearer/") && !id.startsWith(".") && !isAbsolute(id),
    preserveEntrySignatures: false,
    transform: { inject },
  });
  await bundle.write({
    dir: dist,
    format: "esm",
    sourcemap: true,
    chunkFileNames: `${name}-chunk-[name].js`,
  });
}
