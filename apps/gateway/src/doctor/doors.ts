/** Where keys could be spent or read by others: open ports, an open admin port, a way without TLS. */
import { isCleartext } from "@keybearer/proxy";
import { providers } from "../providers.ts";
import { keyTargets } from "../keys/targets.ts";
import { isLoopback } from "../load/admin-port.ts";
import type { Loaded } from "../load/load.ts";
import type { Finding } from "./finding.ts";

type Doors = Pick<Loaded, "definition" | "credentials" | "keys" | "placeOf">;

export function doorFindings(loaded: Doors): Finding[] {
  return [...openPorts(loaded), ...cleartext(loaded)];
}

function openPorts({ definition, placeOf }: Doors): Finding[] {
  return definition.binds.flatMap(({ address, listeners }, index): Finding[] => {
    const routes = listeners.flatMap((listener) => listener.routes);
    const open = routes.find(({ policies }) => policies.refuseCrossSite);
    if (!open || isLoopback(address)) return [];
    return [
      {
        severity: "warning",
        code: "OPEN_ADDRESS",
        place: placeOf(["binds", index, "address"]),
        message: `whoever reaches this address spends the key of the route ${open.name}, without a name`,
        found: address ?? "every address",
        fix: "give clients keys of their own (policies.apiKey), or take address out and serve this machine alone",
      },
    ];
  });
}

function cleartext({ definition, credentials, keys, placeOf }: Doors): Finding[] {
  const targets = keyTargets(definition, credentials, providers).filter(
    ({ origin, allowCleartext }) => allowCleartext && isCleartext(origin),
  );
  return targets.map(({ keyring, origin }): Finding => {
    const request = credentials.find(({ id }) => id === keyring);
    const path = request?.kind === "keyring" ? request.keys[0]?.path : undefined;
    return {
      severity: "warning",
      code: "CLEARTEXT_ALLOWED",
      place: path ? placeOf(path) : keys[0]?.place,
      message: `the key travels to ${origin.endpoint} unencrypted: whoever is on the way can read and keep it`,
      fix: "use port 443 or backendTLS: {}, and take allowCleartext out",
    };
  });
}
