/** Which key may be asked for which model. */
import { hashText, type Hash } from "./hash.ts";

/** What is known of a model that was asked for. */
export interface ModelFacts extends Hash {
  /** Empty where the request names none. */
  readonly name: string;
  /** For each key of the ring: may it be asked for this model? A request that names none may use any key. */
  readonly allowed: readonly boolean[];
}

/** Names come from callers, so only so many are remembered. */
const rememberedModels = 256;

export class ModelTable {
  readonly #patterns: readonly (RegExp | undefined)[];
  readonly #known = new Map<string, ModelFacts>();
  readonly #none: ModelFacts;

  constructor(models: readonly (readonly string[] | undefined)[]) {
    this.#patterns = models.map((patterns) => patterns && patternOf(patterns));
    this.#none = this.#factsOf("", true);
  }

  of(model: string | undefined): ModelFacts {
    if (model === undefined || model === "") return this.#none;
    const known = this.#known.get(model);
    if (known !== undefined) return known;
    if (this.#known.size >= rememberedModels) this.#known.clear();
    const facts = this.#factsOf(model, false);
    this.#known.set(model, facts);
    return facts;
  }

  #factsOf(name: string, any: boolean): ModelFacts {
    const allowed = this.#patterns.map((pattern) => any || (pattern?.test(name) ?? true));
    return { name, allowed, ...hashText(name, { first: 0, second: 0 }) };
  }
}

/** `gpt-*`: the star stands for any characters, all else for itself. */
function patternOf(patterns: readonly string[]): RegExp {
  const each = patterns.map((text) => text.replace(/[\\^$.|?+()[\]{}]/g, "\\$&").replace(/\*+/g, ".*"));
  // A lone alternative that matches nothing, for a key that may serve no model.
  return new RegExp(`^(?:${each.join("|") || "(?!)"})$`, "s");
}
