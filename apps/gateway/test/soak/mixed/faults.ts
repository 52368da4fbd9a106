/** What goes wrong at providers because a header of the request asks for it, and whether a client may notice. */
import type { Fault, Simulator } from "@keybearer/simulator";
import { chat, type Call } from "./calls.ts";

interface Trouble {
  readonly fault: Fault;
  /** Needs a stream. */
  readonly stream?: true;
  /** The route that it takes; `mixedConfig` has them. */
  readonly route?: string;
  /** The first provider alone fails, so that the other one serves, and the client notices nothing. */
  readonly heals?: true;
}

const again = { retryAfterSeconds: 1 };

const troubles: Readonly<Record<string, Trouble>> = {
  "status 500": { fault: { kind: "status", status: 500 } },
  "status 503": { fault: { kind: "status", status: 503, ...again } },
  "status 429": { fault: { kind: "status", status: 429, ...again } },
  "status 503, healed": { fault: { kind: "status", status: 503, ...again }, heals: true },
  "status 429, healed": { fault: { kind: "status", status: 429, ...again }, heals: true },
  "reset, retried": { fault: { kind: "reset-before-head" }, route: "retrying", heals: true },
  "reset before the head": { fault: { kind: "reset-before-head" } },
  "reset after the head": { fault: { kind: "reset-after-head" } },
  "reset in the middle": { fault: { kind: "reset-after-events", afterEvents: 3 }, stream: true },
  "cut short": { fault: { kind: "truncate" } },
  "a stream cut short": { fault: { kind: "truncate", afterEvents: 3 }, stream: true },
  "an error in a stream": { fault: { kind: "error-event", afterEvents: 3 }, stream: true },
  "no HTTP": { fault: { kind: "garbage" } },
  "silence, up to requestTimeout": { fault: { kind: "stall-before-head" }, route: "request-timeout" },
  "silence, up to backendRequestTimeout": { fault: { kind: "stall-before-head" }, route: "backend-timeout" },
};

const HEADER = "x-fault";

export const faultNames = Object.keys(troubles);

export function planFaults(first: Simulator, second: Simulator): void {
  for (const [name, { fault, heals }] of Object.entries(troubles)) {
    const scope = { when: isMarked(name), times: "always" } as const;
    first.fault(fault, scope);
    if (!heals) second.fault(fault, scope);
  }
}

function isMarked(name: string): (request: { readonly headers: Readonly<Record<string, string>> }) => boolean {
  return ({ headers }) => headers[HEADER] === name;
}

/** A call that meets it. What keys and providers learn from it concerns this model only, as far as that goes. */
export function faulty(id: string, name: string): Call {
  const { stream = false, route, heals = false } = troubles[name] ?? {};
  const headers = { [HEADER]: name, ...(route === undefined ? {} : { "x-route": route }) };
  const model = `model of ${name}`.replaceAll(/\W+/g, "-");
  return chat(id, { name: `fault: ${name}`, stream, model, headers, isProvoked: !heals });
}
