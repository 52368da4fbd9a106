/** The shape of undici's Dispatcher without undici, whose loading costs more than the gateway's own. */
import { EventEmitter } from "node:events";
import type { Dispatcher } from "undici";

export type Interceptor = Dispatcher.DispatcherComposeInterceptor;

/** To be given to undici's functions as `dispatcher`; those that undici adds to its own (`request`, ...) it does not have. */
export abstract class DispatcherShape extends EventEmitter {
  abstract dispatch(request: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean;
  abstract close(...given: readonly unknown[]): Promise<void>;
  abstract destroy(...given: readonly unknown[]): Promise<void>;

  /** The same with interceptors before it, and before those that it has; the last is asked first. */
  compose(...given: readonly (Interceptor | readonly Interceptor[] | null | undefined)[]): this {
    let dispatch: Dispatcher.Dispatch = this.dispatch.bind(this);
    for (const interceptor of given.flat()) if (interceptor) dispatch = interceptor(dispatch);
    return new Proxy(this, {
      get(target, key) {
        if (key === "dispatch") return dispatch;
        const value: unknown = Reflect.get(target, key);
        // Asked for another time, it has to begin with what stands here.
        if (key === "compose") return value;
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }
}

/** What `close` and `destroy` return: undici's also take a callback, among what they were `given`. */
export async function withCallback(given: readonly unknown[], ended: Promise<void>): Promise<void> {
  await ended;
  const callback = given.find((each) => typeof each === "function");
  callback?.();
}
