/** Whose key is this? Told by the marks that providers put into their keys. */

/** The provider's YAML word where it has one, else its name. */
export type KeyOwner =
  | "openAI"
  | "anthropic"
  | "gemini"
  | "vertex"
  | "bedrock"
  | "aws"
  | "github"
  | "openRouter"
  | "groq"
  | "xAI"
  | "perplexity"
  | "huggingFace"
  | "nvidia"
  | "cerebras"
  | "together";

// Only marks that no other provider uses. A warning hangs on them, so a prefix that is unmistakable is enough, while a
// prefix that could begin any word needs the rest of the key's shape. Shapes as in TruffleHog's and Gitleaks' rules.
const marks: readonly (readonly [KeyOwner, RegExp])[] = [
  ["anthropic", /^sk-ant-/],
  ["openRouter", /^sk-or-v1-/],
  ["openAI", /^sk-(?:proj|svcacct|service|admin)-/],
  ["openAI", /^sk-[A-Za-z0-9_-]{20,}T3BlbkFJ/],
  ["groq", /^gsk_[A-Za-z0-9]{20,}$/],
  ["xAI", /^xai-[A-Za-z0-9_]{20,}$/],
  ["gemini", /^AIza[\w-]{35}$/],
  ["gemini", /^AQ\.Ab[\w-]{28,}$/],
  ["vertex", /^ya29\.[\w-]{20,}/],
  ["aws", /^(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}$/],
  ["bedrock", /^ABSK[A-Za-z0-9+/]{109,269}={0,2}$/],
  ["bedrock", /^bedrock-api-key-/],
  ["github", /^gh[pousr]_[A-Za-z0-9]{36,255}$/],
  ["github", /^github_pat_\w{20,}$/],
  ["perplexity", /^pplx-[A-Za-z0-9]{20,}$/],
  ["huggingFace", /^(?:hf_|api_org_)[A-Za-z0-9]{34}$/],
  ["nvidia", /^nvapi-[\w-]{20,}$/],
  ["cerebras", /^csk[-_][A-Za-z0-9_-]{48}$/],
  ["together", /^tgp_v1_[\w-]{43}$/],
];

/** Undefined for a key that bears no mark, or one that several providers use. */
export function recogniseKey(key: string): KeyOwner | undefined {
  return marks.find(([, shape]) => shape.test(key))?.[0];
}
