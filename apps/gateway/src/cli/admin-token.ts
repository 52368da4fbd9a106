/** The header that an admin port with a token asks for. */
import { HeaderList, headerPlacement } from "@keybearer/providers";
import type { Key } from "@keybearer/secrets";
import { versionNow } from "../load/open-keys.ts";

/** Empty where the config names no token, or none that can be read here. */
export function adminHeaders(token: Key | undefined): Record<string, string> {
  const version = token && versionNow(token);
  if (!version) return {};
  const out = { headers: new HeaderList(), path: "", query: "" };
  headerPlacement("authorization").place(version, out);
  return Object.fromEntries(out.headers);
}
