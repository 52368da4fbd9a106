/** `key: "sk-..."`: the key stands in the config itself. Works, and says that there is a better place. */
import {
  SecretError,
  staticHandle,
  type SecretSource,
  type SecretVersion,
  type SourceContext,
} from "@keybearer/secrets";
import * as v from "valibot";
import { looksReal } from "./looks-real.ts";

/**
 * Claims every bare string, so list it after the sources that look at what the string holds. `$$` is a dollar sign.
 * Opening throws SecretError SECRET_EMPTY or SECRET_MALFORMED, and warns once with SECRET_INLINE if the key looks real.
 */
export const inlineSource: SecretSource<string> = {
  name: "inline",
  // The message replaces valibot's own, which would quote what it found.
  schema: v.string("expected the key as text, in quotes"),
  scalar: (text) => text,
  async open(text, context) {
    if (/\$[A-Za-z_{]/.test(text.replaceAll("$$", ""))) {
      throw new SecretError("SECRET_MALFORMED", "inline", "an inline key holds no variables", {
        found: "a $ that begins a variable",
        fix: 'write key: "$NAME" to read a variable, and $$ for a dollar sign',
      });
    }
    const key = text.replaceAll("$$", () => "$");
    const version = seal(key, context);
    if (looksReal(key.trim())) {
      context.warn({
        code: "SECRET_INLINE",
        message: "the config holds a secret now: whoever can read, copy or commit it has the key",
        fix: "put the key alone into a file (chmod 600 key.txt) and write key: { file: key.txt }",
      });
    }
    return staticHandle(version);
  },
};

function seal(key: string, context: SourceContext): SecretVersion {
  try {
    return context.seal(key);
  } catch (error) {
    if (!SecretError.is(error) || error.code !== "SECRET_EMPTY") throw error;
    throw new SecretError("SECRET_EMPTY", "inline", error.message, {
      found: error.found,
      fix: "put the key between the quotes; if a shell wrote this file with <<EOF, it replaced $NAME by the variable's value, which was empty: use <<'EOF'",
    });
  }
}
