/** For `--import`, with `--expose-gc`: SIGUSR2 collects all garbage of the main thread, which serves with WORKER_THREADS=0. */
process.on("SIGUSR2", () => globalThis.gc?.());
