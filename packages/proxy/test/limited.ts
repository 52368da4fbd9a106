/** What the tests of limits share: beds with limits, and what a client was told. */
import type { FrontendDefinition } from "@keybearer/proxy";
import { answering, credential, host, route } from "./definitions.ts";
import type { RawResponse } from "./raw-client.ts";
import { startProxy, type BedOptions, type TestBed } from "./start-proxy.ts";

/** A bed whose route gives a direct answer, but for calls that the test is about. */
export const startSmall = (frontend: FrontendDefinition, more: BedOptions = {}): Promise<TestBed> =>
  startProxy({ routes: () => [answering("served")], frontend, ...more });

/** A bed whose route relays bodies as they come. */
export const startHost = (frontend: FrontendDefinition): Promise<TestBed> =>
  startProxy({
    routes: (upstream) => [route({ backends: [host({ host: upstream.host, credential: credential("key") })] })],
    frontend,
  });

export const codeOf = ({ body }: RawResponse): unknown => JSON.parse(body.toString()).error.code;
