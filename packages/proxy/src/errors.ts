/** Why a request failed: whose fault it is, what the client is told, and the code that stays the same. */
import type { Observer, RequestReason } from "./observer.ts";

/** Stable: clients and dashboards match on these. Each is a row in docs/errors.md. */
export type ProxyErrorCode =
  | "route_not_found"
  | "misdirected_request"
  | "path_not_supported"
  | "invalid_request"
  | "invalid_path"
  | "method_not_supported"
  | "method_unknown"
  | "version_not_supported"
  | "upgrade_not_supported"
  | "expectation_failed"
  | "target_too_long"
  | "head_too_large"
  | "request_too_slow"
  | "invalid_json"
  | "invalid_multipart"
  | "request_too_large"
  | "unsupported_content_encoding"
  | "client_key_missing"
  | "client_key_invalid"
  | "caller_token_missing"
  | "caller_token_malformed"
  | "cross_site_refused"
  | "overloaded"
  | "credential_unavailable"
  | "keys_cooling"
  | "keys_busy"
  | "model_not_allowed"
  | "upstream_credentials_rejected"
  | "upstream_out_of_credit"
  | "no_backend"
  | "upstream_busy"
  | "upstream_unreachable"
  | "upstream_closed"
  | "upstream_invalid_response"
  | "upstream_timeout"
  | "upstream_broken"
  | "request_timeout"
  | "gateway_stopping"
  | "client_closed"
  | "internal_error";

const facts: Record<ProxyErrorCode, readonly [status: number, reason: RequestReason]> = {
  route_not_found: [404, "NotFound"],
  misdirected_request: [421, "InvalidRequest"],
  path_not_supported: [404, "NotFound"],
  invalid_request: [400, "InvalidRequest"],
  invalid_path: [400, "InvalidRequest"],
  method_not_supported: [405, "InvalidRequest"],
  method_unknown: [501, "InvalidRequest"],
  version_not_supported: [505, "InvalidRequest"],
  upgrade_not_supported: [501, "InvalidRequest"],
  expectation_failed: [417, "InvalidRequest"],
  target_too_long: [414, "InvalidRequest"],
  head_too_large: [431, "InvalidRequest"],
  request_too_slow: [408, "InvalidRequest"],
  invalid_json: [400, "InvalidRequest"],
  invalid_multipart: [400, "InvalidRequest"],
  request_too_large: [413, "InvalidRequest"],
  unsupported_content_encoding: [415, "InvalidRequest"],
  client_key_missing: [401, "APIKeyAuth"],
  client_key_invalid: [401, "APIKeyAuth"],
  caller_token_missing: [401, "APIKeyAuth"],
  caller_token_malformed: [401, "APIKeyAuth"],
  cross_site_refused: [403, "Authorization"],
  overloaded: [503, "RateLimit"],
  credential_unavailable: [503, "NoHealthyBackend"],
  keys_cooling: [429, "RateLimit"],
  keys_busy: [429, "RateLimit"],
  model_not_allowed: [404, "NotFound"],
  upstream_credentials_rejected: [502, "UpstreamFailure"],
  upstream_out_of_credit: [502, "UpstreamFailure"],
  no_backend: [503, "NoHealthyBackend"],
  upstream_busy: [503, "NoHealthyBackend"],
  upstream_unreachable: [503, "UpstreamFailure"],
  upstream_closed: [502, "UpstreamFailure"],
  upstream_invalid_response: [502, "UpstreamFailure"],
  upstream_timeout: [504, "Timeout"],
  upstream_broken: [502, "UpstreamFailure"],
  request_timeout: [504, "Timeout"],
  gateway_stopping: [503, "Timeout"],
  client_closed: [499, "ClientClosed"],
  internal_error: [500, "Internal"],
};

/** What follows on the connection may not be what it seems, or belongs on another, and is not looked at. */
const ending: ReadonlySet<ProxyErrorCode> = new Set([
  "misdirected_request",
  "invalid_request",
  "invalid_path",
  "method_not_supported",
  "method_unknown",
  "version_not_supported",
  "upgrade_not_supported",
  "expectation_failed",
  "target_too_long",
  "head_too_large",
  "request_too_slow",
  "gateway_stopping",
]);

const brand = Symbol.for("keybearer.ProxyError");

/** A request that ends here. `message` is for the client: it names no upstream address and no key. */
export class ProxyError extends Error {
  override readonly name = "ProxyError";
  readonly [brand] = true;
  readonly code: ProxyErrorCode;
  readonly status: number;
  readonly reason: RequestReason;
  /** The connection ends with the answer. */
  readonly endsConnection: boolean;
  /** When it is worth asking again. */
  readonly retryAfterMs: number | undefined;
  /** The upstream has seen nothing of the request: whoever has another may ask that one. */
  readonly isUnsent: boolean;
  /** Its connection had served before and was closed without a word in answer: most likely the upstream has seen nothing. */
  readonly isStale: boolean;

  constructor(
    code: ProxyErrorCode,
    message: string,
    options?: ErrorOptions & {
      readonly retryAfterMs?: number | undefined;
      readonly isUnsent?: boolean;
      readonly isStale?: boolean;
    },
  ) {
    super(message, options);
    this.code = code;
    this.isUnsent = options?.isUnsent ?? false;
    this.isStale = options?.isStale ?? false;
    this.retryAfterMs = options?.retryAfterMs;
    [this.status, this.reason] = facts[code];
    this.endsConnection = ending.has(code);
  }

  static is(error: unknown): error is ProxyError {
    return typeof error === "object" && error !== null && brand in error;
  }
}

/** Whatever was thrown on the road, as an answer. A fault of our own is reported, and the client learns no more of it. */
export function asProxyError(error: unknown, requestId: string, observer: Pick<Observer, "fault">): ProxyError {
  if (ProxyError.is(error)) return error;
  observer.fault(error, requestId);
  return new ProxyError("internal_error", "Something went wrong inside the gateway.", { cause: error });
}

const definitionBrand = Symbol.for("keybearer.DefinitionError");

/** A definition that cannot be compiled: the operator's to mend, found at load. */
export class DefinitionError extends Error {
  override readonly name = "DefinitionError";
  readonly [definitionBrand] = true;
  readonly code:
    | "UNKNOWN_PROVIDER"
    | "UNKNOWN_CREDENTIAL"
    | "UNKNOWN_ENDPOINTS"
    | "INVALID_REGEX"
    | "KEY_IN_CLEARTEXT"
    | "MODIFIER_ON_CREDENTIAL"
    | "INVALID_TLS";

  constructor(code: DefinitionError["code"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  static is(error: unknown): error is DefinitionError {
    return typeof error === "object" && error !== null && definitionBrand in error;
  }
}
