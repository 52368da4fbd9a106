/** The headers of a request on its way out: one flat array of lower-case names and values. */

/** As strangers send them, so only so many, and none that is long. */
const rememberedNames = 512;
const longestName = 64;
const lowerNames = new Map<string, string>();

/** The same few names come with every message: looking one up is faster than lower-casing it. */
function lowerCase(name: string): string {
  const known = lowerNames.get(name);
  if (known !== undefined) return known;
  if (name.length > longestName) return name.toLowerCase();
  // A copy: what was cut out of a head would keep the whole head in memory.
  const copy = Buffer.from(name).toString();
  const lower = copy.toLowerCase();
  if (lowerNames.size >= rememberedNames) lowerNames.clear();
  lowerNames.set(copy, lower);
  return lower;
}

/** Ordered, and a name may stand in it more than once. Every name but those given to `from` must be lower case already. */
export class HeaderList {
  readonly #flat: string[] = [];

  /** From names and values in turn, as node and undici give them. Names are lower-cased. */
  static from(raw: readonly string[]): HeaderList {
    const list = new HeaderList();
    for (let i = 0; i + 1 < raw.length; i += 2) list.append(lowerCase(raw[i] ?? ""), raw[i + 1] ?? "");
    return list;
  }

  /** The first value. */
  get(name: string): string | undefined {
    const at = this.#indexOf(name);
    return at === -1 ? undefined : this.#flat[at + 1];
  }

  /** All values, in order. */
  values(name: string): string[] {
    const found: string[] = [];
    for (let i = 0; i < this.#flat.length; i += 2) if (this.#flat[i] === name) found.push(this.#flat[i + 1] ?? "");
    return found;
  }

  has(name: string): boolean {
    return this.#indexOf(name) !== -1;
  }

  /** Replaces every value of the name by this one, which stands where the first stood. */
  set(name: string, value: string): void {
    const at = this.#indexOf(name);
    if (at === -1) {
      this.#flat.push(name, value);
      return;
    }
    this.#flat[at + 1] = value;
    this.#deleteFrom(at + 2, name);
  }

  append(name: string, value: string): void {
    this.#flat.push(name, value);
  }

  /** Those of another list whose names pass, in order. */
  appendFrom(other: HeaderList, passes: (name: string) => boolean): void {
    const flat = other.#flat;
    for (let i = 0; i < flat.length; i += 2) {
      const name = flat[i] ?? "";
      if (passes(name)) this.#flat.push(name, flat[i + 1] ?? "");
    }
  }

  some(test: (name: string, value: string) => boolean): boolean {
    for (let i = 0; i < this.#flat.length; i += 2) {
      if (test(this.#flat[i] ?? "", this.#flat[i + 1] ?? "")) return true;
    }
    return false;
  }

  delete(name: string): void {
    const at = this.#indexOf(name);
    if (at !== -1) this.#deleteFrom(at, name);
  }

  /** Names and values in turn, as undici takes them. A copy. */
  toFlat(): string[] {
    return this.#flat.slice();
  }

  *entries(): IterableIterator<[name: string, value: string]> {
    for (let i = 0; i < this.#flat.length; i += 2) yield [this.#flat[i] ?? "", this.#flat[i + 1] ?? ""];
  }

  [Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    return this.entries();
  }

  // Only even places are names: a value that equals a name must not be taken for one.
  #indexOf(name: string): number {
    for (let i = 0; i < this.#flat.length; i += 2) if (this.#flat[i] === name) return i;
    return -1;
  }

  #deleteFrom(start: number, name: string): void {
    let kept = start;
    for (let i = start; i < this.#flat.length; i += 2) {
      const each = this.#flat[i] ?? "";
      if (each === name) continue;
      this.#flat[kept] = each;
      this.#flat[kept + 1] = this.#flat[i + 1] ?? "";
      kept += 2;
    }
    // Even what changes nothing costs a call into the runtime.
    if (kept < this.#flat.length) this.#flat.length = kept;
  }
}
