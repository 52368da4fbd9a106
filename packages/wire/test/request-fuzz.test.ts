/** Whatever wire takes for a request, llhttp takes for the same request, with the same end. */
import { fuzzTests } from "./fuzz/tests.ts";

fuzzTests("requests");
