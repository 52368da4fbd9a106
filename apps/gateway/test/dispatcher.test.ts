/** A module of one's own in the place of the gateway's connections. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { startSimulator } from "@keybearer/simulator";
import { expect, onTestFinished, test } from "vitest";
import { ask, oneRoute } from "./configs.ts";
import { gatewayInProcess } from "./in-process.ts";
import { directoryOf } from "./keybearer.ts";

const egress = `
import { Pool } from "${import.meta.resolve("undici")}";
export default ({ url }) =>
  new Pool(url).compose((dispatch) => (options, handler) =>
    dispatch({ ...options, headers: [...options.headers, "x-egress", "mine"] }, handler));
`;

const moduleOf = (text: string): URL => pathToFileURL(join(directoryOf({ "egress.mjs": text }), "egress.mjs"));

test.each([0, 1])(
  "what it makes carries the requests, keys and all: %i threads beside the caller's",
  async (workers) => {
    const provider = await startSimulator();
    onTestFinished(() => provider.close());
    const config = oneRoute({ upstream: provider.host, auth: '{ key: "sk-a" }' });
    const gateway = await gatewayInProcess({ config, workers, dispatcher: moduleOf(egress) });
    const answer = await ask(gateway.urls.binds[0] ?? "");
    expect(answer.status).toBe(200);
    await answer.text();
    expect(provider.requests).toMatchObject([{ headers: { authorization: "Bearer sk-a", "x-egress": "mine" } }]);
  },
);

test.each([
  ["no function", "export default {};"],
  ["nothing at all", ""],
  ["an error", 'throw new Error("on purpose");'],
])("one that exports %s is refused at the start", async (_what, text) => {
  const config = oneRoute({ upstream: "127.0.0.1:9", auth: '{ key: "sk-a" }' });
  const starting = gatewayInProcess({ config, dispatcher: moduleOf(text) });
  await expect(starting).rejects.toMatchObject({ code: "DISPATCHER_MODULE" });
});
