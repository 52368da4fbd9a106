/** Every subject, and which of them are measured. */
import { agentgateway } from "./agentgateway.ts";
import { bifrost } from "./bifrost.ts";
import { keybearer, keybearerOnNode } from "./keybearer.ts";
import { litellm } from "./litellm.ts";
import { nginx } from "./nginx.ts";
import { pipe } from "./pipe.ts";
import { portkey } from "./portkey.ts";
import type { Subject } from "./subject.ts";

const subjects: readonly Subject[] = [nginx, keybearer, keybearerOnNode, pipe, portkey, agentgateway, bifrost, litellm];

export interface Choice {
  /** The one that the others are compared with. */
  readonly baseline: string;
  /** Beside those that are always measured. */
  readonly with: readonly string[];
}

/** The baseline first. Throws for a name that is unknown or cannot be had; of the others that are missing it says why. */
export function chooseSubjects(choice: Choice, scratch: string, say: (line: string) => void): readonly Subject[] {
  const wanted = new Set([choice.baseline, ...choice.with]);
  const names = subjects.map(({ name }) => name);
  for (const name of wanted)
    if (!names.includes(name)) throw new Error(`no subject ${name}; there are ${names.join(", ")}`);
  const chosen = subjects.filter((subject) => {
    const { name, onRequest } = subject;
    if (onRequest && !wanted.has(name)) return false;
    const reason = subject.unavailable(scratch);
    if (reason === undefined) return true;
    if (wanted.has(name)) throw new Error(`${name}: ${reason}`);
    say(`left out   ${name}: ${reason}`);
    return false;
  });
  return chosen.toSorted((a, b) => Number(b.name === choice.baseline) - Number(a.name === choice.baseline));
}
