/** Walking YAML nodes: aliases followed, merge keys (`<<`) applied. */
import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type Pair, type Scalar, type YAMLMap } from "yaml";

/** What each alias stands for; filled in document order, since an anchor may be set again further down. */
export type AliasTargets = Map<Alias, Node>;

export interface MapEntry {
  readonly name: string;
  readonly key: Scalar;
  readonly value: Node | undefined;
}

/** Follows an alias to its node. Undefined: no such anchor. */
export function follow(node: Node | null | undefined, targets: AliasTargets): Node | undefined {
  if (isAlias(node)) return targets.get(node);
  return node ?? undefined;
}

function entryOf(pair: Pair): MapEntry | undefined {
  if (!isScalar(pair.key)) return undefined;
  const value = isNode(pair.value) ? pair.value : undefined;
  return { name: String(pair.key.value), key: pair.key, value };
}

export function isMergeKey(entry: MapEntry): boolean {
  return entry.name === "<<" && entry.key.type === "PLAIN";
}

/** The maps that a merge key names: one, or a list of them. */
export function mergedNodes(value: Node | undefined, targets: AliasTargets): readonly (Node | undefined)[] {
  const node = follow(value, targets);
  return isSeq(node) ? node.items.map((item) => (isNode(item) ? item : undefined)) : [value];
}

/** The entry of that name, own or merged. Falls back on another spelling of upper and lower case. */
export function findEntry(map: YAMLMap, name: string, targets: AliasTargets): MapEntry | undefined {
  const { entries, byName, merges } = indexOf(map);
  const exact = byName.get(name);
  if (exact !== undefined) return exact;
  for (const entry of merges) {
    for (const merged of mergedNodes(entry.value, targets)) {
      const node = follow(merged, targets);
      const found = isMap(node) ? findEntry(node, name, targets) : undefined;
      if (found !== undefined) return found;
    }
  }
  return entries.find((entry) => entry.name.toLowerCase() === name.toLowerCase());
}

export function entriesOf(map: YAMLMap): readonly MapEntry[] {
  return indexOf(map).entries;
}

interface MapIndex {
  readonly entries: readonly MapEntry[];
  readonly byName: ReadonlyMap<string, MapEntry>;
  readonly merges: readonly MapEntry[];
}

// A map is asked for once for every error below it: without this, many errors would take time in the square.
const indexes = new WeakMap<YAMLMap, MapIndex>();

function indexOf(map: YAMLMap): MapIndex {
  const known = indexes.get(map);
  if (known !== undefined) return known;
  const entries = map.items.map(entryOf).filter((entry) => entry !== undefined);
  const own = entries.filter((entry) => !isMergeKey(entry));
  const byName = new Map(own.toReversed().map((entry) => [entry.name, entry]));
  const index = { entries, byName, merges: entries.filter(isMergeKey) };
  indexes.set(map, index);
  return index;
}

export function isNode(value: unknown): value is Node {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value);
}
