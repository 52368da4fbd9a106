/** Responses that go on from one another (`previous_response_id`): each account knows its own alone, and a pool has several. */
import { request } from "node:http";
import { startSimulator, type ReceivedRequest, type Simulator } from "@keybearer/simulator";
import { expect, onTestFinished, test } from "vitest";
import { oneRoute } from "./configs.ts";
import { startKeybearer, type Keybearer } from "./keybearer.ts";

const keys = ["sk-a-a-a-a-a-a", "sk-b-b-b-b-b-b", "sk-c-c-c-c-c-c"];
const members = keys.map((key, at) => `{ name: key${at}, key: "${key}" }`).join(", ");

async function pool(): Promise<{ provider: Simulator; start: () => Promise<Keybearer> }> {
  const provider = await startSimulator({ keys });
  onTestFinished(() => provider.close());
  const config = oneRoute({ upstream: provider.host, auth: `{ keys: [${members}] }` });
  return { provider, start: () => startKeybearer({ config, env: { WORKER_THREADS: "2" } }) };
}

interface Said {
  readonly status: number;
  readonly text: string;
  /** Of the response; undefined for an error. */
  readonly id: string | undefined;
}

/** On a connection of its own, for which the system chooses a thread. */
function say(url: string, input: string, more: Readonly<Record<string, unknown>> = {}, session = ""): Promise<Said> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "session-id": session };
    request(`${url}/v1/responses`, { method: "POST", agent: false, headers }, (answer) => {
      let text = "";
      answer
        .setEncoding("utf8")
        .on("data", (chunk: string) => (text += chunk))
        .on("end", () => resolve({ status: answer.statusCode ?? 0, text, id: /"id":"(resp_\w+)"/.exec(text)?.[1] }))
        .on("error", reject);
    })
      .on("error", reject)
      .end(JSON.stringify({ model: "gpt-4o-mini", input, ...more }));
  });
}

const turns = [1, 2, 3];
const chains = Array.from({ length: 20 }, (_, at) => ({ name: `chain ${at}`, stream: at % 2 === 0, at }));

/** The keys with which a chain's turns were sent, in order. */
function keysOf({ requests }: { requests: readonly ReceivedRequest[] }, name: string): (string | undefined)[] {
  return requests.filter(({ body }) => body.includes(`"${name},`)).map(({ key }) => key);
}

test("a chain stays with the key that began it, on whichever thread its turns arrive, whole or as a stream", async () => {
  const { provider, start } = await pool();
  const { url } = await start();
  const talk = async ({ name, stream, at }: (typeof chains)[number]): Promise<void> => {
    let previous: string | undefined;
    for (const turn of turns) {
      // Some name a conversation that would lead elsewhere.
      const session = at % 4 < 2 ? "" : `${at}-${turn}`;
      const said = await say(url, `${name}, turn ${turn}`, { stream, previous_response_id: previous }, session);
      expect(said).toMatchObject({ status: 200, id: expect.any(String) });
      previous = said.id;
    }
  };
  await Promise.all(chains.map(talk));
  const used = chains.map(({ name }) => keysOf(provider, name));
  // Each turn was sent once: none had to be healed.
  for (const each of used) expect(each).toEqual(turns.map(() => each[0]));
  expect(new Set(used.flat()).size).toBe(3);
});

test("a chain that another replica began finds its key, and is known from then on", async () => {
  const { provider, start } = await pool();
  const [first, second] = await Promise.all([start(), start()]);
  const talk = async ({ name, stream }: (typeof chains)[number]): Promise<number> => {
    const began = await say(first.url, `${name}, turn 1`, { stream });
    const goneOn = await say(second.url, `${name}, turn 2`, { stream, previous_response_id: began.id });
    const tries = keysOf(provider, name).length;
    const ended = await say(second.url, `${name}, turn 3`, { stream, previous_response_id: goneOn.id });
    expect([began.status, goneOn.status, ended.status]).toEqual([200, 200, 200]);
    const used = keysOf(provider, name);
    expect(used.slice(tries - 1)).toEqual([used[0], used[0]]);
    // The first turn, then each key once at most.
    expect(tries).toBeLessThanOrEqual(1 + keys.length);
    return tries - 2;
  };
  const misses = await Promise.all(chains.map(talk));
  const missed = misses.reduce((sum, each) => sum + each, 0);
  expect(missed).toBeGreaterThan(0);
  await second.said("stdout", /previous-response-not-found/);
});

test("a response that none of the keys knows is the provider's own answer, and no key's fault", async () => {
  const { provider, start } = await pool();
  const { url } = await start();
  const said = await say(url, "lost, turn 1", { previous_response_id: "resp_never" });
  expect(said.status).toBe(400);
  expect(JSON.parse(said.text)).toMatchObject({ error: { code: "previous_response_not_found" } });
  expect(new Set(keysOf(provider, "lost"))).toEqual(new Set(keys));
  for (const name of keys) expect(await say(url, `${name}, turn 1`)).toMatchObject({ status: 200 });
  expect(provider.requests).toHaveLength(2 * keys.length);
});
