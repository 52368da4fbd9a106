/** What holds for every provider: the network first, before a body is believed, the rest when no row of a provider fits. */
import type { FailureRule } from "../failure.ts";

export const networkRules: readonly FailureRule[] = [
  {
    name: "no-answer",
    statuses: [0],
    class: "network",
    scope: "endpoint",
    note: "No name, no connection, no TLS, a reset or a timeout.",
  },
  {
    name: "edge",
    statuses: [403, 503, [520, 527]],
    html: true,
    class: "network",
    scope: "endpoint",
    note: "A page of the edge (Cloudflare): our address is blocked, or the origin is away.",
  },
];

export const anyRules: readonly FailureRule[] = [
  {
    name: "invalid-api-key",
    statuses: [401],
    codes: ["invalid_api_key", "wrong_api_key", "authentication_error", "invalid_authentication_error"],
    class: "keyInvalid",
    scope: "key",
    note: "The key is wrong or revoked, and a code says so.",
  },
  {
    name: "refused",
    statuses: [401, 403],
    class: "suspected",
    scope: "key",
    note: "No code tells why: a probe must.",
  },
  {
    name: "payment-required",
    statuses: [402],
    class: "outOfMoney",
    scope: "scope",
    note: "The account has to pay.",
  },
  {
    name: "model-not-found",
    statuses: [404],
    codes: ["model_not_found", "deploymentnotfound"],
    class: "notAllowed",
    scope: "keyModel",
    waitMs: 600_000,
    note: "No such model, or none for this key.",
  },
  {
    name: "limited-by-code",
    statuses: [429],
    codes: ["rate_limit_exceeded", "rate_limit_error", "rate_limited", "1300", "1302", "1303", "1305"],
    class: "limited",
    scope: "keyModel",
    note: "Too many requests or tokens, and a code says so, whatever the text advises about plans.",
  },
  {
    name: "money-in-text",
    statuses: [429],
    text: /\b(?:exceeded your (?:current )?quota|billing|credits?|balance|plan)\b/i,
    class: "outOfMoney",
    scope: "keyModel",
    note: "A limit whose text speaks of money.",
  },
  {
    name: "limited",
    statuses: [429],
    class: "limited",
    scope: "keyModel",
    note: "Too many requests or tokens.",
  },
  {
    name: "overloaded",
    statuses: [408, [500, 599]],
    class: "overloaded",
    scope: "endpoint",
    note: "The provider's own trouble.",
  },
  {
    name: "callers-fault",
    statuses: [[400, 499]],
    class: "callersFault",
    scope: "none",
    note: "Too long, not allowed by a content filter, malformed: the same with every key.",
  },
];
