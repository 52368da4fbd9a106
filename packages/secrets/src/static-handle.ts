/** A handle for a value that cannot change while we run: a key in the config, one that came through a pipe. */
import type { SecretHandle, SecretVersion } from "./contract.ts";

/** Throws TypeError for a version that expires: it needs a handle that can find the next. */
export function staticHandle(version: SecretVersion): SecretHandle {
  if (version.expiresAt !== undefined) throw new TypeError("a version that expires needs a handle that refreshes it");
  return {
    current: () => version,
    refresh: () => Promise.resolve(version),
    subscribe: () => () => undefined,
    status: () => ({ state: "fresh" }),
    watchStatus: () => () => undefined,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
