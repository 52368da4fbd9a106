/** Keys whose source a test writes, and a keyring of them. */
import { assignSlots, createKeyring, createKeyState, openKeyState, type Keyring } from "@keybearer/keyring";
import type { KeyAlert, KeySettings, Strategy } from "@keybearer/keyring";
import { createSeal, systemClock, type Credential, type SecretVersion } from "@keybearer/secrets";

export interface TestKey {
  readonly name: string;
  /** What its source holds from now on: a refresh finds it. */
  put(value: string): void;
  /** Refreshes wait from now on, until the function that is returned is called. */
  hold(): () => void;
  /** How often its source was read again. */
  readonly refreshes: number;
  readonly settings: Omit<KeySettings, "slot">;
}

export interface TestKeyOptions extends Partial<Omit<KeySettings, "name" | "handle" | "slot">> {
  /** The version before, still honoured. */
  readonly previous?: string;
}

export function testKey(name: string, value: string, { previous, ...more }: TestKeyOptions = {}): TestKey {
  const seal = createSeal({ source: "test", clock: systemClock });
  const before = previous === undefined ? undefined : seal(previous);
  let current: SecretVersion = seal(value);
  let stored = value;
  let refreshes = 0;
  let held: Promise<void> | undefined;
  let reading: Promise<SecretVersion> | undefined;
  const read = async () => {
    refreshes++;
    await held;
    if (current.secret.reveal() !== stored) current = seal(stored);
    reading = undefined;
    return current;
  };
  return {
    name,
    put: (next) => void (stored = next),
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      held = promise;
      return resolve;
    },
    get refreshes() {
      return refreshes;
    },
    settings: {
      name,
      source: "test",
      handle: {
        current: () => current,
        previous: () => before,
        refresh: ({ rejected }) =>
          rejected !== undefined && current.id > rejected ? Promise.resolve(current) : (reading ??= read()),
      },
      ...more,
    },
  };
}

export interface TestRing {
  readonly ring: Keyring;
  readonly alerts: readonly KeyAlert[];
  /** The same, with a way to read the sources of refused keys again. */
  readonly credential: Credential;
  /** The keyring's clock; the proxy has none. */
  readonly wait: (ms: number) => void;
}

export function testRing(keys: readonly TestKey[], strategy: Strategy = "ordered"): TestRing {
  let waited = 0;
  const clock = { now: () => Date.now() + waited };
  const identities = keys.map(({ settings: { name } }) => name);
  const scopes = keys.flatMap(({ settings: { scope } }) => (scope === undefined ? [] : [`scope ${scope}`]));
  const { slots } = assignSlots(new Map(), [...identities, ...scopes], 16);
  const alerts: KeyAlert[] = [];
  const ring = createKeyring({
    keys: keys.map(({ settings }) => ({
      ...settings,
      slot: slots.get(settings.name) ?? 0,
      scopeSlot: slots.get(`scope ${settings.scope}`),
    })),
    strategy,
    state: openKeyState(createKeyState({ slots: 16, workers: 1, clock }), 0),
    clock,
    random: () => 0.5,
    onAlert: (alert) => void alerts.push(alert),
  });
  return { ring, alerts, credential: ring, wait: (ms) => void (waited += ms) };
}
