/** What does a request cost that is refused because there is no room, beside one that is served. */
import type { Scenario } from "./scenario.ts";

export const shed: Scenario = {
  name: "shed",
  question: "cost of a request beyond capacity, beside one that is served",
  goal: "less than a tenth",
  // Its place, until there is a limit in the config that can be reached: `maxRequestsInFlight` of one, and a held stream.
  measure: async () => [{ subject: "keybearer", unit: "", values: [], note: "it sheds nothing yet" }],
};
