export { watchFile } from "./watch-file.ts";
export type { FileWatch, WatchFileOptions } from "./watch-file.ts";
export type { FileState } from "./state.ts";
export type { WatchClock } from "./clock.ts";
export { WatchError } from "./errors.ts";
export type { WatchErrorCode } from "./errors.ts";
