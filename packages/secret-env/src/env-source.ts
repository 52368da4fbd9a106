/** `key: "$OPENAI_API_KEY"`: the key comes from an environment that is handed in. */
import { hasVariables, InterpolateError, parseTemplate, type TemplatePart } from "@keybearer/interpolate";
import { refreshingHandle, SecretError, type Env, type SecretSource } from "@keybearer/secrets";
import * as v from "valibot";

/**
 * Claims a bare string that names a variable, also inside a longer text: `$NAME`, `${NAME}`, `${NAME:-default}`. The ref is
 * that template; `{ env: NAME }` is `$NAME`. Opening throws SecretError: SECRET_NOT_FOUND for a variable that is not set,
 * SECRET_EMPTY for one that is empty, SECRET_MALFORMED. An environment that tells of changes is read again then.
 */
export const envSource: SecretSource<string> = {
  name: "env",
  schema: v.pipe(
    v.string("expected the name of a variable, such as OPENAI_API_KEY"),
    v.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "expected the name of a variable, such as OPENAI_API_KEY, without $"),
    v.transform((name) => `$${name}`),
  ),
  scalar: (text) => (hasVariables(text) ? text : undefined),
  async open(template, context) {
    const parts = parse(template);
    const names = [...new Set(parts.flatMap((part) => (part.kind === "variable" ? [part.name] : [])))].join(", ");
    const read = () => {
      const text = parts.map((part) => expand(part, context.env)).join("");
      try {
        return context.seal(text);
      } catch (error) {
        throw SecretError.from("env", error).at(names);
      }
    };
    let unsubscribe: (() => void) | undefined;
    const handle = refreshingHandle({
      source: "env",
      context,
      first: read(),
      read: async () => read(),
      close: () => unsubscribe?.(),
    });
    unsubscribe = context.env.subscribe?.(() => {
      try {
        handle.put(read());
      } catch (error) {
        handle.fail(error);
      }
    });
    return handle;
  },
};

function parse(template: string): readonly TemplatePart[] {
  try {
    return parseTemplate(template);
  } catch (error) {
    if (!InterpolateError.is(error)) throw error;
    throw new SecretError("SECRET_MALFORMED", "env", error.message, { found: "a ${ that begins no variable" });
  }
}

function expand(part: TemplatePart, env: Env): string {
  if (part.kind === "text") return part.text;
  const { name, fallback } = part;
  const value = env.get(name);
  if (fallback !== undefined) return value || fallback;
  if (value !== undefined && value.trim() !== "") return value;
  if (value === undefined) {
    throw new SecretError("SECRET_NOT_FOUND", "env", `the variable ${name} is not set`, {
      found: `no ${name} in the environment`,
      fix: `export ${name}=... before the start, or pass a file that sets it with --env-file FILE`,
    });
  }
  // Half a key would be refused by the provider, one request at a time.
  throw new SecretError("SECRET_EMPTY", "env", `the variable ${name} is set, but empty`, {
    found: `${name}=`,
    fix: `give ${name} a value; if a shell wrote a file that sets it with <<EOF, it expanded the value while it wrote: use <<'EOF'`,
  });
}
