export { createExecSource, execSource } from "./exec-source.ts";
export type { ExecSourceOptions } from "./exec-source.ts";
export type { ExecFormat, ExecRef } from "./schema.ts";
