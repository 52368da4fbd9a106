/** Whether a text is worth a warning, or plainly a placeholder. */

// The prefixes that vendors' key formats begin with: OpenAI and those who copied it, Groq, xAI, Google, AWS, GitHub,
// Perplexity, Hugging Face, NVIDIA, Cerebras, Together.
const knownPrefix = /^(?:sk-|gsk_|xai-|AIza|AQ\.|AKIA|ASIA|ABSK|gh[opsu]_|github_pat_|pplx-|hf_|nvapi-|csk[-_]|tgp_)/;
const placeholder = /\.{3}|[<>{}]|x{6}|X{6}|\*{3}/;

/**
 * True for 20 characters or more that are not mostly the same one and hold both letters and digits, or begin as a known
 * vendor's keys do. `sk-proj....`, `<your-api-key>` and `test-key` are not. A guess: it decides about a warning alone.
 */
export function looksReal(key: string): boolean {
  if (key.length < 20 || placeholder.test(key) || new Set(key).size < 10) return false;
  return knownPrefix.test(key) || (/[A-Za-z]/.test(key) && /[0-9]/.test(key));
}
