/** The honest end: why no key serves this request, and when one may. */
import type { Entry } from "./entry.ts";
import { KeyringError, type KeyringErrorCode, type KeyStanding, type TrailEntry } from "./errors.ts";
import { renewKey } from "./renew.ts";
import { standings, type Standings } from "./standing.ts";
import { TICK_MS } from "./state/cell.ts";

const names: Readonly<Record<number, KeyStanding>> = {
  [standings.tried]: "tried",
  [standings.cooling]: "cooling",
  [standings.outOfMoney]: "out_of_money",
  [standings.shed]: "shed",
  [standings.refused]: "refused",
  [standings.held]: "refused",
  [standings.unresolved]: "unresolved",
  [standings.modelNotAllowed]: "model_not_allowed",
  [standings.draining]: "draining",
};

/** In falling order: what a wait mends, what the operator must mend, what the caller must. */
const codes: readonly (readonly [KeyStanding, KeyringErrorCode])[] = [
  ["cooling", "all_cooling"],
  ["shed", "shed"],
  ["tried", "all_tried"],
  ["refused", "all_refused"],
  ["out_of_money", "out_of_money"],
  ["unresolved", "unresolved"],
  ["model_not_allowed", "model_not_allowed"],
];

export function refusal(entries: readonly Entry[], found: Standings): KeyringError {
  const trail = entries.map(({ name, at }): TrailEntry => {
    const standing = names[found.of[at] ?? standings.unresolved] ?? "tried";
    const ticks = found.ticks[at] ?? 0;
    return ticks === 0 ? { key: name, standing } : { key: name, standing, waitMs: ticks * TICK_MS };
  });
  const code = codes.find(([standing]) => trail.some((each) => each.standing === standing))?.[1] ?? "unresolved";
  if (code === "all_refused") return new KeyringError(code, trail, { renew: () => renewRefused(entries, found) });
  if (code !== "all_cooling" && code !== "shed") return new KeyringError(code, trail);
  const waits = trail.flatMap(({ standing, waitMs }) =>
    waitMs !== undefined && (standing === "cooling" || standing === "shed") ? [waitMs] : [],
  );
  return new KeyringError(code, trail, { retryAfterMs: Math.min(...waits) });
}

/** Of several rings that could each have served: the end that is mended soonest, with all their trails. Undefined for none. */
export function gentlestEnd(errors: readonly KeyringError[]): KeyringError | undefined {
  const rank = ({ code }: KeyringError) => codes.findIndex(([, each]) => each === code);
  const [first] = errors.toSorted((a, b) => rank(a) - rank(b));
  if (first === undefined || errors.length === 1) return first;
  const waits = errors.flatMap(({ retryAfterMs }) => retryAfterMs ?? []);
  const questions = errors.flatMap(({ renew }) => renew ?? []);
  return new KeyringError(
    first.code,
    errors.flatMap(({ trail }) => trail),
    {
      ...(waits.length > 0 && { retryAfterMs: Math.min(...waits) }),
      ...(questions.length > 0 && {
        renew: async () => (await Promise.all(questions.map((ask) => ask()))).includes(true),
      }),
    },
  );
}

async function renewRefused(entries: readonly Entry[], found: Standings): Promise<boolean> {
  const refused = entries.filter(({ at }) => {
    const standing = found.of[at];
    return standing === standings.refused || standing === standings.held;
  });
  const renewed = await Promise.all(refused.map(({ handle }) => renewKey(handle)));
  return renewed.includes(true);
}
