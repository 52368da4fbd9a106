/** Names that agentgateway's config knows and this one does not yet, by place. Each is refused, none is ignored. */

export const rootNotYet = [
  "policies",
  "workloads",
  "services",
  "backends",
  "routeGroups",
  "gateways",
  "routes",
  "tcpRoutes",
  "llm",
  "mcp",
  "ui",
];

export const settingsNotYet = [
  "enableIpv6",
  "dns",
  "localXdsPath",
  "modelCatalog",
  "database",
  "storage",
  "caAddress",
  "caAuthToken",
  "xdsAddress",
  "xdsAuthToken",
  "spiffe",
  "namespace",
  "gateway",
  "trustDomain",
  "additionalTrustDomains",
  "skipValidateTrustDomain",
  "serviceAccount",
  "clusterId",
  "network",
  "standardAttributes",
  "histograms",
  "session",
  "mcp",
  "sensitiveHeaders",
  "customFunctions",
  "tracing",
  "metrics",
  "hbone",
];

export const frontendNotYet = ["networkAuthorization", "proxyProtocol", "connect", "accessLog", "metrics", "tracing"];

export const frontendHttpNotYet = [
  "earlyResponseDrain",
  "http1HeaderCase",
  "http2WindowSize",
  "http2ConnectionWindowSize",
  "http2FrameSize",
  "http2MaxHeaderSize",
  "http2KeepaliveInterval",
  "http2KeepaliveTimeout",
];

export const frontendTlsNotYet = ["alpn", "minVersion", "maxVersion", "cipherSuites", "keyExchangeGroups"];

export const bindNotYet = ["tunnelProtocol", "mode"];

export const listenerNotYet = ["namespace", "tcpRoutes", "policies"];

export const listenerTlsNotYet = ["keyExchangeGroups", "spiffe"];

export const routeNotYet = ["namespace", "ruleName"];

export const backendNotYet = ["service", "backend", "internal", "dynamic", "mcp", "aws", "routeGroup", "invalid"];

export const aiNotYet = ["tokenize"];

export const providersNotYet = ["openAI", "gemini", "vertex", "anthropic", "bedrock", "azure", "copilot", "custom"];

/** Fields of a provider, by the provider's word. */
export const providerFieldsNotYet: Readonly<Record<string, readonly string[]>> = { openAI: ["moderation"] };

const policiesNotYet = [
  "requestRedirect",
  "mcpAuthorization",
  "mcpGuardrails",
  "authorization",
  "a2a",
  "backendTunnel",
  "extAuthz",
  "transformations",
];

export const routePoliciesNotYet = [
  ...policiesNotYet,
  "requestMirror",
  "mcpAuthentication",
  "localRateLimit",
  "remoteRateLimit",
  "jwtAuth",
  "oidc",
  "basicAuth",
  "extProc",
  "csrf",
  "buffer",
  "delay",
];

export const backendPoliciesNotYet = [
  ...policiesNotYet,
  "http",
  "tcp",
  "health",
  "inferenceRouting",
  "sessionAffinity",
];

export const backendTlsNotYet = ["alpn", "subjectAltNames", "keyExchangeGroups", "spiffe"];

export const backendAuthNotYet = ["gcp", "aws", "azure", "copilot", "jwtSign", "oauthTokenExchange", "crossAppAccess"];

export const aiPolicyNotYet = [
  "promptGuard",
  "defaults",
  "overrides",
  "transformations",
  "finalTransformations",
  "prompts",
  "modelAliases",
  "promptCaching",
];

export const aiRouteTypesNotYet = [
  "messages",
  "anthropicTokenCount",
  "generateContent",
  "geminiCountTokens",
  "rerank",
  "realtime",
];
