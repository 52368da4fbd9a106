/** The entry of a serving thread: beside this file among the sources and in dist, where the bundle is as well. */

export const workerUrl = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);
