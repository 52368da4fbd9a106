/** From label values to what is kept for them, one map lookup a label: no string is joined, so none can collide. */

type Node<T> = Map<string, Node<T> | { readonly leaf: T }>;

export class LabelTree<T> {
  readonly #root: Node<T> = new Map();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(values: readonly string[]): T | undefined {
    let node: Node<T> | { readonly leaf: T } | undefined = this.#root;
    for (const value of values) {
      if (!(node instanceof Map)) return undefined;
      node = node.get(value);
    }
    return node instanceof Map ? this.#bare(values) : node?.leaf;
  }

  set(values: readonly string[], leaf: T): void {
    let node = this.#root;
    for (const value of values.slice(0, -1)) {
      const next = node.get(value);
      if (next instanceof Map) {
        node = next;
        continue;
      }
      const made: Node<T> = new Map();
      node.set(value, made);
      node = made;
    }
    node.set(values.at(-1) ?? "", { leaf });
    this.#size++;
  }

  /** A metric without labels has its one leaf under the empty name. */
  #bare(values: readonly string[]): T | undefined {
    const only = values.length === 0 ? this.#root.get("") : undefined;
    return only instanceof Map ? undefined : only?.leaf;
  }
}
