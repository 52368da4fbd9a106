/** What is wrong with a config: a code, a place, what was found and a way out; never a key's value. */

/** Every code of this package, each a row in the docs. Texts may change, codes may not. */
export const configErrorCodes = [
  "CONFIG_ALIAS",
  "CONFIG_CONFLICT",
  "CONFIG_DUPLICATE",
  "CONFIG_DUPLICATE_KEY",
  "CONFIG_EMPTY",
  "CONFIG_ENCODING",
  "CONFIG_MISPLACED_FIELD",
  "CONFIG_MISSING_FIELD",
  "CONFIG_NOT_SUPPORTED",
  "CONFIG_SYNTAX",
  "CONFIG_TOO_DEEP",
  "CONFIG_TOO_LARGE",
  "CONFIG_TYPE",
  "CONFIG_UNKNOWN_FIELD",
  "CONFIG_VALUE",
  "CONFIG_VARIABLE_SYNTAX",
  "CONFIG_VARIABLE_UNSET",
] as const;

export type ConfigErrorCode = (typeof configErrorCodes)[number];

/** Names a value in the config, as its keys and list indices from the top. */
export type Path = readonly (string | number)[];

/** Where an error stands in the file. `line` and `column` count from 1, `column` and `offset` in UTF-16 units. */
export interface Place {
  readonly line: number;
  readonly column: number;
  readonly offset: number;
  readonly length: number;
}

export interface ConfigErrorDetails {
  /** One of `configErrorCodes`, or the code of an error that was placed in the config from outside (a SecretError's). */
  readonly code: string;
  readonly message: string;
  readonly fileName: string;
  /** Undefined: the file as a whole. */
  readonly place?: Place | undefined;
  readonly path?: Path | undefined;
  readonly found?: string | undefined;
  readonly fix?: string | undefined;
  /** Draws the lines around the place; called when a person looks. */
  readonly frame?: (() => string) | undefined;
  readonly cause?: unknown;
}

const brand = Symbol.for("keybearer.ConfigError");
const listBrand = Symbol.for("keybearer.ConfigErrors");

/** One finding in a config. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly [brand] = true;
  readonly code: string;
  readonly fileName: string;
  readonly place: Place | undefined;
  readonly path: Path | undefined;
  readonly found: string | undefined;
  readonly fix: string | undefined;
  readonly #frame: (() => string) | undefined;

  constructor(details: ConfigErrorDetails) {
    super(details.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = details.code;
    this.fileName = details.fileName;
    this.place = details.place;
    this.path = details.path;
    this.found = details.found;
    this.fix = details.fix;
    this.#frame = details.frame;
  }

  static is(error: unknown): error is ConfigError {
    return typeof error === "object" && error !== null && brand in error;
  }

  /** `config.yaml:12:37: CODE: message`. */
  get summary(): string {
    const at = this.place === undefined ? "" : `:${this.place.line}:${this.place.column}`;
    return `${this.fileName}${at}: ${this.code}: ${this.message}`;
  }

  /** The lines around the place with a caret; empty for an error about the whole file. */
  get frame(): string {
    return this.#frame?.() ?? "";
  }

  /** Summary, frame, what was found and how to mend it: what a person reads. */
  format(): string {
    const lines = [this.summary];
    if (this.frame !== "") lines.push("", this.frame);
    if (this.found !== undefined) lines.push(`      found  ${this.found}`);
    if (this.fix !== undefined) lines.push(`      fix    ${this.fix}`);
    return lines.join("\n");
  }
}

/** All findings in one config, in file order. At most 100; `omitted` counts the rest. */
export class ConfigErrors extends AggregateError {
  override readonly name = "ConfigErrors";
  readonly [listBrand] = true;
  declare readonly errors: ConfigError[];
  readonly omitted: number;

  constructor(errors: readonly ConfigError[], omitted = 0) {
    super(errors, errors.map((error) => error.summary).join("\n"));
    this.omitted = omitted;
  }

  static is(error: unknown): error is ConfigErrors {
    return typeof error === "object" && error !== null && listBrand in error;
  }

  /** Every error in full, an empty line between two. */
  format(): string {
    const texts = this.errors.map((error) => error.format());
    if (this.omitted > 0) texts.push(`and ${this.omitted} more`);
    return texts.join("\n\n");
  }
}
