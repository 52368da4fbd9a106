/** YAML nodes to plain values: aliases expanded within a bound, keys checked, `$VAR` replaced inside strings. */
import { InterpolateError, interpolate, parseTemplate } from "@keybearer/interpolate";
import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type Scalar, type YAMLMap, type YAMLSeq } from "yaml";
import { maxDepth } from "./document.ts";
import type { ConfigErrorCode, Path } from "./errors.ts";
import { type AliasTargets, entriesOf, follow, isMergeKey, isNode, type MapEntry, mergedNodes } from "./nodes.ts";
import type { Problem } from "./problem.ts";
import { showName } from "./show.ts";

/** How many nodes aliases may stand for, all together: a bomb ends here, a shared policy in a thousand routes does not. */
const maxAliasedNodes = 100_000;

/** Keys that would change a JavaScript object instead of being held by it. */
const unsafeNames = new Set(["__proto__", "prototype", "constructor"]);

export interface Tree {
  readonly value: unknown;
  readonly problems: readonly Problem[];
  readonly targets: AliasTargets;
}

export interface TreeOptions {
  readonly text: string;
  readonly lookup: (name: string) => string | undefined;
  /** True for a string that is kept as it is written: a key reference. */
  readonly isVerbatim: (path: Path) => boolean;
}

export function buildTree(contents: Node, options: TreeOptions): Tree {
  const builder = new TreeBuilder(options);
  const value = builder.build(contents, []);
  return { value, problems: builder.problems, targets: builder.targets };
}

class TreeBuilder {
  readonly problems: Problem[] = [];
  readonly targets: AliasTargets = new Map();
  readonly #options: TreeOptions;
  readonly #anchors = new Map<string, Node>();
  /** Aliased nodes being expanded just now: meeting one again is a circle. */
  readonly #open = new Set<Node>();
  #aliasedNodes = 0;
  #isExhausted = false;

  constructor(options: TreeOptions) {
    this.#options = options;
  }

  build(node: Node | undefined, path: Path): unknown {
    if (node === undefined) return null;
    if (this.#open.size > 0) this.#aliasedNodes += 1;
    if (this.#aliasedNodes > maxAliasedNodes) return null;
    if (path.length > maxDepth)
      return this.#exhaust(node, "CONFIG_TOO_DEEP", `aliases nest more than ${maxDepth} deep`);
    if (isAlias(node)) return this.#buildAlias(node, path);
    if (node.anchor !== undefined && this.#open.size === 0) this.#anchors.set(node.anchor, node);
    if (isMap(node)) return this.#buildMap(node, path);
    if (isSeq(node)) return this.#buildList(node, path);
    return isScalar(node) ? this.#buildScalar(node, path) : null;
  }

  #buildAlias(alias: Alias, path: Path): unknown {
    const target = this.targets.get(alias) ?? this.#anchors.get(alias.source);
    if (target === undefined) {
      return this.#report(alias, path, "CONFIG_ALIAS", `no anchor &${showName(alias.source)} before this alias`);
    }
    if (this.#open.has(target) || contains(target, alias)) {
      return this.#report(alias, path, "CONFIG_ALIAS", `*${showName(alias.source)} stands inside what it refers to`);
    }
    this.targets.set(alias, target);
    this.#open.add(target);
    const value = this.build(target, path);
    this.#open.delete(target);
    if (this.#aliasedNodes <= maxAliasedNodes) return value;
    return this.#exhaust(alias, "CONFIG_ALIAS", `aliases stand for more than ${maxAliasedNodes} values`);
  }

  /** Told once, and of the whole: what else is found in half a tree would mislead. */
  #exhaust(node: Node, code: ConfigErrorCode, message: string): null {
    if (!this.#isExhausted) this.#report(node, [], code, message);
    this.#isExhausted = true;
    return null;
  }

  #buildList(list: YAMLSeq, path: Path): unknown[] {
    return list.items.map((item, index) => this.build(isNode(item) ? item : undefined, [...path, index]));
  }

  #buildMap(map: YAMLMap, path: Path): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    const merges: MapEntry[] = [];
    for (const { key } of map.items) {
      if (isNode(key) && !isScalar(key)) this.#report(key, path, "CONFIG_SYNTAX", "a field's name is plain text");
    }
    for (const entry of entriesOf(map)) {
      if (isMergeKey(entry)) merges.push(entry);
      else if (this.#isUsable(entry, result, path)) result[entry.name] = this.build(entry.value, [...path, entry.name]);
    }
    for (const entry of merges) this.#merge(entry, result, path);
    return result;
  }

  #isUsable({ name, key }: MapEntry, result: Record<string, unknown>, path: Path): boolean {
    if (unsafeNames.has(name)) {
      this.#report(key, [...path, name], "CONFIG_VALUE", `'${showName(name)}' cannot be used as a name`);
      return false;
    }
    if (!Object.hasOwn(result, name)) return true;
    const fix = "keep one of the two";
    this.#report(key, [...path, name], "CONFIG_DUPLICATE_KEY", `'${showName(name)}' is there twice in this map`, fix);
    return false;
  }

  /** What the map says itself wins over what it merges; of several merged maps the first wins. */
  #merge(entry: MapEntry, result: Record<string, unknown>, path: Path): void {
    for (const node of mergedNodes(entry.value, this.targets)) {
      const merged = this.build(node, path);
      if (isMap(follow(node, this.targets))) {
        for (const [name, value] of Object.entries(merged ?? {})) {
          if (!Object.hasOwn(result, name)) result[name] = value;
        }
      } else if (merged !== null) this.#report(entry.key, path, "CONFIG_TYPE", "<< takes a map, or a list of maps");
    }
  }

  #buildScalar(scalar: Scalar, path: Path): unknown {
    const { value } = scalar;
    if (typeof value !== "string") return value;
    try {
      if (!this.#options.isVerbatim(path)) return interpolate(value, this.#options.lookup);
      parseTemplate(value);
      return value;
    } catch (error) {
      if (!InterpolateError.is(error)) throw error;
      this.#reportVariable(scalar, value, path, error);
      return value;
    }
  }

  #reportVariable(scalar: Scalar, value: string, path: Path, error: InterpolateError): void {
    const [start, end] = scalar.range ?? [0, 0];
    // A folded or escaped string stands in the file in other letters: then the whole of it is the place.
    const within = this.#options.text.slice(start, end).indexOf(value);
    const isVerbatim = within !== -1 && error.offset !== undefined;
    const span = isVerbatim
      ? { offset: start + within + (error.offset ?? 0), length: error.length ?? 1 }
      : { offset: start, length: end - start };
    const { code, message, fix } = describe(error);
    this.problems.push({ code, message, path, span, fix });
  }

  #report(node: Node, path: Path, code: ConfigErrorCode, message: string, fix?: string): null {
    const [offset, end] = node.range ?? [0, 1];
    this.problems.push({ code, message, path, span: { offset, length: end - offset }, fix });
    return null;
  }
}

function describe(error: InterpolateError): Pick<Problem, "code" | "message" | "fix"> {
  if (error.code === "VARIABLE_UNSET") {
    const name = error.variable ?? "";
    const fix = `set it, or give a default: \${${name}:-default}; a dollar sign itself is $$`;
    return { code: "CONFIG_VARIABLE_UNSET", message: `${name} is not set`, fix };
  }
  const fix = "write $NAME, ${NAME} or ${NAME:-default}; a dollar sign itself is $$";
  return { code: "CONFIG_VARIABLE_SYNTAX", message: error.message, fix };
}

/** An alias within the node that carries its anchor. */
function contains(target: Node, alias: Node): boolean {
  const [start, end] = target.range ?? [0, 0];
  const offset = alias.range?.[0] ?? -1;
  return offset >= start && offset < end && target !== alias;
}
