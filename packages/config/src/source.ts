/** A config's text with its places: finds where a value stands and draws errors there. */
import { isMap, isSeq, type Node } from "yaml";
import { ConfigError, type ConfigErrorCode, ConfigErrors, type Path, type Place } from "./errors.ts";
import { drawFrame, LineIndex } from "./frame.ts";
import { maskText } from "./mask.ts";
import { type AliasTargets, findEntry, follow, isNode } from "./nodes.ts";
import type { Problem, Span } from "./problem.ts";
import { maskKeyLike, printable, shorten } from "./show.ts";

/** More are counted, not listed. */
const maxErrors = 100;

export interface PlacedErrorDetails {
  readonly code: string;
  readonly message: string;
  readonly found?: string | undefined;
  readonly fix?: string | undefined;
  readonly cause?: unknown;
}

/** Where each value of a config stands. Holds the text: keep it while errors can still be told, no longer. */
export class ConfigSource {
  readonly fileName: string;
  readonly #text: string;
  readonly #contents: Node | null;
  readonly #targets: AliasTargets;
  readonly #isBroken: boolean;
  #lines: LineIndex | undefined;
  #masked: string | undefined;

  constructor(
    fileName: string,
    text: string,
    yaml: { contents: Node | null; targets: AliasTargets; isBroken: boolean },
  ) {
    this.fileName = fileName;
    this.#text = text;
    this.#contents = yaml.contents;
    this.#targets = yaml.targets;
    this.#isBroken = yaml.isBroken;
  }

  /** Place of a value, or of its field's name. What is not in the file is placed at the nearest that is. */
  locate(path: Path, at: "key" | "value" = "value"): Place {
    return this.#place(this.#span(path, at));
  }

  /** An error at the place of a value. `code` may be another package's. */
  error(path: Path, details: PlacedErrorDetails): ConfigError {
    return this.#errorAt(this.locate(path), path, details);
  }

  /** One line for something worth saying that is no error: `config.yaml:14:9: CODE: message`. */
  notice(path: Path, details: { readonly code: string; readonly message: string }): string {
    return this.error(path, details).summary;
  }

  /** All of them in file order, each once. Undefined: there are none. */
  errors(problems: readonly Problem[]): ConfigErrors | undefined {
    if (problems.length === 0) return undefined;
    const placed = new Map<string, { place: Place; problem: Problem }>();
    for (const problem of problems) {
      const place = this.#place(problem.span ?? this.#span(problem.path, problem.at ?? "value"));
      // An aliased value is wrong once, however often it is referred to.
      placed.set(`${place.offset} ${problem.code} ${problem.message}`, { place, problem });
    }
    const sorted = [...placed.values()].toSorted((left, right) => left.place.offset - right.place.offset);
    const errors = sorted.slice(0, maxErrors).map(({ place, problem }) => {
      const found = problem.found ?? this.#found(place);
      return this.#errorAt(place, problem.path, { ...problem, found });
    });
    return new ConfigErrors(errors, sorted.length - errors.length);
  }

  #errorAt(place: Place, path: Path, details: PlacedErrorDetails): ConfigError {
    const frame = () => drawFrame(this.#maskedText(), this.#lineIndex(), place);
    const { code, message, found, fix, cause } = details;
    return new ConfigError({ code, message, fileName: this.fileName, place, path, found, fix, frame, cause });
  }

  /** The text at a place as it is shown: its first line, masked. */
  #found(place: Place): string | undefined {
    const [line = ""] = this.#maskedText()
      .slice(place.offset, place.offset + Math.min(place.length, 200))
      .split("\n");
    const shown = printable(maskKeyLike(line)).trim();
    if (shown === "" || /^\*+$/.test(shown)) return undefined;
    return shorten(shown, 80);
  }

  #place(span: Span): Place {
    return this.#lineIndex().place(Math.min(span.offset, this.#text.length), span.length);
  }

  #span(path: Path, at: "key" | "value"): Span {
    let node = this.#contents ?? undefined;
    let span = spanOf(node) ?? { offset: 0, length: 1 };
    for (const [depth, part] of path.entries()) {
      const isLast = depth === path.length - 1;
      const map = follow(node, this.#targets);
      if (isMap(map)) {
        const entry = findEntry(map, String(part), this.#targets);
        if (entry === undefined) return span;
        const keySpan = spanOf(entry.key) ?? span;
        node = entry.value;
        span = isLast && at === "value" && isPointable(node) ? (spanOf(node) ?? keySpan) : keySpan;
      } else if (isSeq(map)) {
        const item = map.items[Number(part)];
        if (!isNode(item)) return span;
        node = item;
        span = spanOf(item) ?? span;
      } else return span;
    }
    return span;
  }

  #lineIndex(): LineIndex {
    this.#lines ??= new LineIndex(this.#text);
    return this.#lines;
  }

  #maskedText(): string {
    this.#masked ??= maskText(this.#text, this.#contents, this.#isBroken);
    return this.#masked;
  }
}

/** A mistake in the file as a whole. */
export function wholeFileErrors(fileName: string, details: { code: ConfigErrorCode; message: string; fix?: string }) {
  return new ConfigErrors([new ConfigError({ ...details, fileName })]);
}

/** A block of lines is too big to point at: then its field's name is. */
function isPointable(node: Node | undefined): boolean {
  if (node === undefined || spanOf(node)?.length === 0) return false;
  return isMap(node) || isSeq(node) ? node.flow === true : true;
}

function spanOf(node: Node | undefined): Span | undefined {
  if (node?.range === undefined || node.range === null) return undefined;
  const [offset, end] = node.range;
  return { offset, length: end - offset };
}
