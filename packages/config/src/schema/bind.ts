/** `binds:`, the ports, their listeners and routes. */
import * as v from "valibot";
import { isListenHost } from "../addresses.ts";
import type { Bind, Listener, Route } from "../config.ts";
import type { KeyPolicy } from "../key-config.ts";
import type { Path } from "../errors.ts";
import { message } from "../problem.ts";
import { type backendSchema, buildBackend } from "./backend.ts";
import { fieldPath } from "./choice.ts";
import { buildMatch, matchSchema } from "./match.ts";
import { buildListenerTls, listenerTlsSchema } from "./listener-tls.ts";
import { fields, may, must, noted } from "./notes.ts";
import { buildRoutePolicies, type routePoliciesSchema } from "./policies.ts";
import { bindNotYet, listenerNotYet, routeNotYet } from "./unsupported.ts";
import { hostname, nonEmptyText, readText, wholeNumber } from "./values.ts";

interface Parts {
  readonly backend: ReturnType<typeof backendSchema>;
  readonly policies: ReturnType<typeof routePoliciesSchema>;
}

const address = readText(
  (text) => (isListenHost(text) ? text : undefined),
  "an IP address, or localhost",
  "write it like 127.0.0.1, 0.0.0.0 or '::'; the port stands in port",
);

const notEmpty = message("CONFIG_VALUE", "this list is empty");

function routeSchema({ backend, policies }: Parts) {
  return v.pipe(
    fields(
      {
        name: may(nonEmptyText, "Its name in logs and metrics."),
        hostnames: may(v.pipe(v.array(hostname), v.nonEmpty(notEmpty)), "Hosts that it serves; every host by default."),
        matches: may(
          v.pipe(v.array(matchSchema), v.nonEmpty(notEmpty)),
          "One of these must fit; by default every request does.",
        ),
        policies: may(policies, "What is done with its requests."),
        backends: may(v.array(backend), "Where its requests go; by weight if there are several."),
      },
      { notYet: routeNotYet },
    ),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const { backends = [], policies } = dataset.value;
      if (backends.length > 0 || policies?.directResponse !== undefined) return;
      const fix = "give it backends, or policies: { directResponse: { status: ... } }";
      addIssue({ message: message("CONFIG_MISSING_FIELD", "this route leads nowhere: 'backends' is missing", fix) });
    }),
  );
}

function listenerSchema(parts: Parts) {
  const schema = fields(
    {
      name: may(nonEmptyText, "Its name in logs and metrics."),
      hostname: may(
        v.union([v.literal("*"), hostname]),
        "Hosts that it serves: exact, or like *.example.com; by default all.",
      ),
      protocol: may(
        noted(v.picklist(["HTTP", "HTTPS"]), { notYet: ["TLS", "TCP", "HBONE"] }),
        "HTTP, the default, or HTTPS.",
      ),
      tls: may(listenerTlsSchema, "The certificate for HTTPS, and who gets in."),
      routes: must(v.array(routeSchema(parts)), "Which requests go where."),
    },
    { notYet: listenerNotYet },
  );
  return v.pipe(
    schema,
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const { protocol, tls } = dataset.value;
      if (protocol === "HTTPS" && tls === undefined) {
        const fix = "give it tls: { cert: ..., key: ... }";
        addIssue({ message: message("CONFIG_MISSING_FIELD", "HTTPS needs a certificate: 'tls' is missing", fix) });
      }
      if (protocol !== "HTTPS" && tls !== undefined) {
        const text = message("CONFIG_MISPLACED_FIELD", "'tls' has no effect without HTTPS", "write protocol: HTTPS");
        addIssue({ message: text, path: fieldPath("tls") });
      }
    }),
  );
}

function bindSchema(parts: Parts) {
  const schema = fields(
    {
      port: must(wholeNumber(0, 65_535), "Port to listen on; 0: any free one."),
      address: may(address, "Address to listen on. By default every one, but loopback if anyone could spend a key."),
      listeners: must(v.pipe(v.array(listenerSchema(parts)), v.nonEmpty(notEmpty)), "What is served on this port."),
    },
    { notYet: bindNotYet },
  );
  return v.pipe(
    schema,
    v.rawCheck(({ dataset, addIssue }) => {
      if (!dataset.typed) return;
      const { listeners } = dataset.value;
      const other = listeners.findIndex(({ protocol = "HTTP" }) => protocol !== (listeners[0]?.protocol ?? "HTTP"));
      if (other === -1) return;
      addIssue({
        message: message("CONFIG_CONFLICT", "a port has either HTTP or HTTPS", "give each a bind of its own"),
        path: [
          { type: "object", origin: "value", input: {}, key: "listeners", value: listeners },
          { type: "array", origin: "value", input: [], key: other, value: listeners[other] },
        ],
      });
    }),
  );
}

export function bindsSchema(parts: Parts) {
  return v.pipe(
    v.array(bindSchema(parts)),
    v.nonEmpty(notEmpty),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!Array.isArray(dataset.value)) return;
      const seen = new Set<unknown>([0, undefined]);
      for (const [index, bind] of dataset.value.entries()) {
        const port: unknown = bind?.port;
        if (seen.has(port) && port !== 0 && port !== undefined) {
          addIssue({
            message: message("CONFIG_DUPLICATE", "this port has a bind already", "put both listeners below one bind"),
            path: [
              { type: "array", origin: "value", input: [], key: index, value: bind },
              { type: "object", origin: "value", input: {}, key: "port", value: port },
            ],
          });
        }
        seen.add(port);
      }
    }),
  );
}

type GivenBind = v.InferOutput<ReturnType<typeof bindSchema>>;
type GivenListener = GivenBind["listeners"][number];
type GivenRoute = GivenListener["routes"][number];

export function buildBind(given: GivenBind, path: Path, defaults: KeyPolicy): Bind {
  const listeners = given.listeners.map((listener, index) =>
    buildListener(listener, [...path, "listeners", index], defaults),
  );
  return { path, port: given.port, address: given.address, listeners };
}

function buildListener(given: GivenListener, path: Path, defaults: KeyPolicy): Listener {
  return {
    path,
    name: given.name,
    hostname: given.hostname === "*" ? undefined : given.hostname,
    protocol: given.protocol ?? "HTTP",
    tls: buildListenerTls(given.tls, [...path, "tls"]),
    routes: given.routes.map((route, index) => buildRoute(route, [...path, "routes", index], defaults)),
  };
}

function buildRoute(given: GivenRoute, path: Path, defaults: KeyPolicy): Route {
  return {
    path,
    name: given.name,
    hostnames: given.hostnames ?? [],
    matches: (given.matches ?? [{}]).map(buildMatch),
    policies: buildRoutePolicies(given.policies, [...path, "policies"], defaults),
    backends: (given.backends ?? []).map((backend, index) =>
      buildBackend(backend, [...path, "backends", index], defaults),
    ),
  };
}
