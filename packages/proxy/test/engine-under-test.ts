/** Which HTTP engine the tests of this package run on: our own, or with `KEYBEARER_TEST_ENGINE=node` that of Node. */
import type { Engine } from "@keybearer/proxy";

export const engineUnderTest: Engine = process.env["KEYBEARER_TEST_ENGINE"] === "node" ? "node" : "wire";
