/** How long to read the usage out of an answer that passes? Baseline: one search for the word, the least there is to do. */
import { openAIDialect } from "@keybearer/providers";
import { chatAnswer, chatEvents } from "../upstream/payloads.ts";
import { compare } from "./timer.ts";

const answer = chatAnswer();
const events = chatEvents(true);
const stream = Buffer.concat(events);
const long = Buffer.concat(Array.from({ length: 100 }, () => Buffer.concat(events.slice(0, -2))));

compare(`Usage of a JSON answer of ${answer.length} B`, {
  "one indexOf": () => answer.indexOf('"usage"'),
  scanner: () => scan([answer]),
});
compare(`Usage of a stream of ${events.length} events, ${stream.length} B`, {
  "one indexOf": () => stream.indexOf('"usage":{'),
  "scanner, in one piece": () => scan([stream]),
  "scanner, event by event": () => scan(events),
  "scanner and filter, event by event": () => {
    const filter = openAIDialect.usageEventFilter();
    for (const event of events) filter.push(event);
    filter.end();
    return scan(events);
  },
});
compare(`Usage of a stream that has none, ${long.length} B`, {
  "one indexOf": () => long.indexOf('"usage":{'),
  "scanner, in one piece": () => scan([long]),
});

function scan(chunks: readonly Buffer[]): unknown {
  const scanner = openAIDialect.usageScanner();
  for (const chunk of chunks) scanner.push(chunk);
  return scanner.usage;
}
