/** Whatever wire takes for a response, llhttp takes for the same response, with the same end. */
import { fuzzTests } from "./fuzz/tests.ts";

fuzzTests("responses");
