/** Which HTTP engine the tests of this package run on: `KEYBEARER_TEST_ENGINE=wire`. */
import type { Engine } from "@keybearer/proxy";

export const engineUnderTest: Engine = process.env["KEYBEARER_TEST_ENGINE"] === "wire" ? "wire" : "node";
