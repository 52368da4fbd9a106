/** Whoever reaches a route that carries a key spends its money: a port that lets anyone do so serves this machine alone. */
import type { Bind } from "@keybearer/config";
import { backendsOf, type BindDefinition, type RouteDefinition } from "@keybearer/proxy";
import type { TranslationContext } from "./translate.ts";

const LOOPBACK = "127.0.0.1";

/** Whether an anonymous caller can spend a key of the config on this route. */
export function isOpenToAll(
  route: Pick<RouteDefinition, "policies" | "backends">,
  { credentials }: Pick<TranslationContext, "credentials">,
): boolean {
  const { policies } = route;
  if (policies.directResponse || policies.apiKey?.mode === "strict") return false;
  return backendsOf(route).some(({ credential }) => credential?.entries.some(({ id }) => credentials.isOwn(id)));
}

/** The bind as it is, or on loopback with a notice that says why and how to open it. */
export function guardBind(
  definition: BindDefinition,
  { address, path }: Bind,
  context: TranslationContext,
): BindDefinition {
  const routes = definition.listeners.flatMap((listener) => listener.routes);
  const open = routes.find((route) => route.policies.refuseCrossSite);
  if (!open || address !== undefined) return definition;
  context.notices.push(
    context.source.notice([...path, "port"], {
      code: "LOOPBACK_ONLY",
      message:
        `this port serves this machine alone, because anyone who reaches the route ${open.name} spends its key; ` +
        "to open it, give clients keys of their own (policies.apiKey) or set binds[].address",
    }),
  );
  return { ...definition, address: LOOPBACK };
}
