/** `policies:` at its three levels: route, backend, provider. */
import type * as v from "valibot";
import type { KeyPolicy } from "../key-config.ts";
import type { Path } from "../errors.ts";
import type { BackendPolicies, RoutePolicies } from "../policy-config.ts";
import { aiPolicySchema, buildAiPolicy } from "./ai-policy.ts";
import { type authSchema, buildAuth } from "./auth.ts";
import { apiKeySchema, buildApiKey } from "./client-keys.ts";
import { buildHeaderModifier, headerModifierSchema } from "./headers.ts";
import { fields, may } from "./notes.ts";
import {
  buildCors,
  buildDirectResponse,
  buildRetry,
  buildTimeout,
  buildUrlRewrite,
  corsSchema,
  directResponseSchema,
  retrySchema,
  timeoutSchema,
  urlRewriteSchema,
} from "./route-policies.ts";
import { buildTls, tlsSchema } from "./tls.ts";
import { backendPoliciesNotYet, routePoliciesNotYet } from "./unsupported.ts";

type AuthSchema = ReturnType<typeof authSchema>;

function sharedEntries(auth: AuthSchema) {
  return {
    backendAuth: may(auth, "The key that the backend gets."),
    backendTLS: may(tlsSchema, "TLS to the backend."),
    requestHeaderModifier: may(headerModifierSchema, "Headers changed on the way to the backend."),
    responseHeaderModifier: may(headerModifierSchema, "Headers changed on the way back."),
    ai: may(aiPolicySchema, "What concerns calls of a model."),
  };
}

export function backendPoliciesSchema(auth: AuthSchema) {
  return fields(sharedEntries(auth), { notYet: backendPoliciesNotYet });
}

export function routePoliciesSchema(auth: AuthSchema) {
  return fields(
    {
      ...sharedEntries(auth),
      urlRewrite: may(urlRewriteSchema, "Host and path that the backend sees."),
      timeout: may(timeoutSchema, "How long a request may take."),
      retry: may(retrySchema, "When a request that failed is sent again."),
      directResponse: may(directResponseSchema, "An answer given here, without a backend."),
      cors: may(corsSchema, "Which pages of other sites may call."),
      apiKey: may(apiKeySchema, "Callers identify themselves with a key of ours."),
    },
    { notYet: routePoliciesNotYet },
  );
}

type GivenBackendPolicies = v.InferOutput<ReturnType<typeof backendPoliciesSchema>>;
type GivenRoutePolicies = v.InferOutput<ReturnType<typeof routePoliciesSchema>>;

export function buildBackendPolicies(
  given: GivenBackendPolicies | undefined,
  path: Path,
  defaults: KeyPolicy,
): BackendPolicies {
  const { backendAuth, backendTLS, requestHeaderModifier, responseHeaderModifier, ai } = given ?? {};
  return {
    path,
    backendAuth: backendAuth && buildAuth(backendAuth, [...path, "backendAuth"], defaults),
    backendTLS: buildTls(backendTLS, [...path, "backendTLS"]),
    requestHeaderModifier: buildHeaderModifier(requestHeaderModifier, [...path, "requestHeaderModifier"]),
    responseHeaderModifier: buildHeaderModifier(responseHeaderModifier, [...path, "responseHeaderModifier"]),
    ai: buildAiPolicy(ai, [...path, "ai"]),
  };
}

export function buildRoutePolicies(
  given: GivenRoutePolicies | undefined,
  path: Path,
  defaults: KeyPolicy,
): RoutePolicies {
  const { urlRewrite, timeout, retry, directResponse, cors, apiKey } = given ?? {};
  return {
    ...buildBackendPolicies(given, path, defaults),
    urlRewrite: buildUrlRewrite(urlRewrite),
    timeout: buildTimeout(timeout, [...path, "timeout"]),
    retry: buildRetry(retry, [...path, "retry"]),
    directResponse: buildDirectResponse(directResponse, [...path, "directResponse"]),
    cors: buildCors(cors, [...path, "cors"]),
    apiKey: apiKey && buildApiKey(apiKey, [...path, "apiKey"]),
  };
}
