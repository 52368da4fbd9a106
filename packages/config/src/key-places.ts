/** Where a bare string is a key: it goes to its source as it is written, with no `$VAR` replaced. */
import type { Path } from "./errors.ts";

const policies = String.raw`binds\.\d+\.listeners\.\d+\.routes\.\d+\.(?:backends\.\d+\.(?:ai\.(?:groups\.\d+\.providers\.\d+\.)?)?)?policies`;
const key = String.raw`key(?:\.(?:value|previous))?`;
const own = String.raw`(?:keys\.\d+\.)?${key}`;

const places = new RegExp(
  String.raw`^(?:config\.adminToken|${policies}\.backendAuth\.(?:(?:passthrough\.otherwise\.)?${own}|credentials\.\d+\.${key}))$`,
);

export function isKeyText(path: Path): boolean {
  return places.test(path.join("."));
}
