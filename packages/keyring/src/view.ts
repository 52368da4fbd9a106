/** How the keys are, for people. */
import type { SecretVersion } from "@keybearer/secrets";
import type { Entry } from "./entry.ts";
import type { Health } from "./health.ts";
import type { KeyCondition, KeyView, ModelRest } from "./settings.ts";
import * as cells from "./state/cell.ts";
import { kinds } from "./state/cell.ts";
import type { KeyState } from "./state/key-state.ts";
import { slot } from "./state/layout.ts";
import { readText } from "./state/text.ts";

const modelStates: Readonly<Record<number, ModelRest["state"]>> = {
  [kinds.limited]: "cooling",
  [kinds.outOfMoney]: "outOfMoney",
  [kinds.notAllowed]: "notAllowed",
  [kinds.exhausted]: "exhausted",
};

export function viewOf(entry: Entry, state: KeyState, health: Health, now: number): KeyView {
  const { name, source, settings, weight } = entry;
  const version = usable(entry, health);
  const [condition, until] = conditionOf(entry, state, health, version, now);
  const isWell = condition === "healthy" || condition === "draining";
  const rule = readText(state.words, state.wordAt(entry.slot, slot.rule), slot.ruleWords);
  return {
    name,
    source,
    scope: settings.scope,
    weight,
    models: settings.models,
    state: condition,
    why: isWell || rule === "" ? undefined : rule,
    until: until === undefined ? undefined : state.epochMs(until),
    version: version ?? undefined,
    refusedVersion: state.load(entry.slot, slot.refused) || undefined,
    inFlight: state.load(entry.slot, slot.inFlight),
    maxConcurrent: settings.maxConcurrent,
    requestsPerMinute: settings.requestsPerMinute,
    lastSuccess: momentAt(state, entry, slot.succeededAt),
    lastFailure: momentAt(state, entry, slot.failedAt),
    resting: restingModels(entry, state, version?.id ?? 0, now),
  };
}

function conditionOf(
  entry: Entry,
  state: KeyState,
  health: Health,
  version: SecretVersion | undefined | null,
  now: number,
): [KeyCondition, number?] {
  if (entry.weight === 0) return ["draining"];
  if (version === null) return ["unresolved"];
  if (version === undefined) return ["quarantined", state.load(entry.slot, slot.probeAt)];
  const own = entry.scopeSlot === entry.slot;
  const found = [
    { cell: state.wordAt(entry.slot, slot.key), asked: version.id },
    { cell: state.wordAt(entry.scopeSlot, slot.account), asked: own ? version.id : 0 },
  ];
  const rests = found.map(({ cell, asked }) => ({ cell, ticks: cells.restOf(state.words, cell, now, asked) }));
  const [longest] = rests.sort((a, b) => b.ticks - a.ticks);
  if (longest !== undefined && longest.ticks > 0) {
    const isMoney = cells.kindOf(state.words, longest.cell) === kinds.outOfMoney;
    return [isMoney ? "outOfMoney" : "cooling", now + longest.ticks];
  }
  if (version.id < state.load(entry.slot, slot.refused)) return ["overlap"];
  if (health.isSuspected(entry, version)) {
    const held = health.heldTicks(entry, version, now);
    return held > 0 ? ["suspected", now + held] : ["suspected"];
  }
  if (found.some(({ cell, asked }) => cells.isReturning(state.words, cell, now, asked))) return ["returning"];
  return ["healthy"];
}

function restingModels(entry: Entry, state: KeyState, version: number, now: number): ModelRest[] {
  const own = entry.scopeSlot === entry.slot;
  const marks = [
    ...state.marks.list(entry.slot, now, version),
    ...(own ? [] : state.marks.list(entry.scopeSlot, now, 0)),
  ];
  return marks.map(({ model, kind, ticks }) => ({
    model,
    state: modelStates[kind] ?? "cooling",
    until: state.epochMs(now + ticks),
  }));
}

function usable(entry: Entry, health: Health): SecretVersion | undefined | null {
  try {
    return health.usable(entry);
  } catch {
    return null;
  }
}

function momentAt(state: KeyState, entry: Entry, word: number): number | undefined {
  const ticks = state.load(entry.slot, word);
  return ticks === 0 ? undefined : state.epochMs(ticks);
}
