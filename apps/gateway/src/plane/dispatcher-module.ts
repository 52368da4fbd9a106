/** Dispatchers of the operator's own for connections to backends: made by a module, which each serving thread loads for itself. */
import type { DispatcherFactory } from "@keybearer/proxy";
import { GatewayError, inWords } from "../errors.ts";

/** `url`: of a module whose default export is a DispatcherFactory. Throws GatewayError DISPATCHER_MODULE. */
export async function loadDispatchers(url: string): Promise<DispatcherFactory> {
  const module: { readonly default?: unknown } = await import(url).catch((cause: unknown) => {
    throw new GatewayError("DISPATCHER_MODULE", `cannot load ${url}: ${inWords(cause)}`, { cause });
  });
  if (!isFactory(module.default))
    throw new GatewayError("DISPATCHER_MODULE", `${url} exports no function by default: (origin, tls) => Dispatcher`);
  return module.default;
}

function isFactory(value: unknown): value is DispatcherFactory {
  return typeof value === "function";
}
