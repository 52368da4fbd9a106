import type { RoutePolicies } from "@keybearer/proxy";
import { assignSlots, createEndpoints, createKeyState, openKeyState } from "@keybearer/keyring";
import { systemClock, type Credential } from "@keybearer/secrets";
import { startSimulator, type Fault, type Simulator, type SimulatorOptions } from "@keybearer/simulator";
import { describe, expect, onTestFinished, test } from "vitest";
import { ai, credential, route } from "./definitions.ts";
import { testKey, testRing } from "./keys.ts";
import type { RawResponse } from "./raw-client.ts";
import { chatPath, startProxy } from "./start-proxy.ts";

interface Member {
  readonly simulator?: SimulatorOptions;
  readonly model?: string;
  /** Nobody listens there. */
  readonly isAway?: true;
  /** `caller`: passed through; none: it wants no key. By default a key of its own. */
  readonly pays?: "caller" | "none";
}

const stream = { stream: true };

/** Of three requests one after the other all may come within a millisecond. */
const toTheMicrosecond = () => performance.timeOrigin + performance.now();

/** Members `a`, `b` and so on, in the groups as they are given. */
function startGroups(...groups: readonly (readonly Member[])[]) {
  return startGroupsWith({}, ...groups);
}

async function startGroupsWith(policies: Partial<RoutePolicies>, ...groups: readonly (readonly Member[])[]) {
  const members = groups.flat();
  const names = members.map((_, index) => "abcdef".charAt(index));
  const providers: Simulator[] = [];
  for (const { simulator, isAway } of members) {
    const provider = await startSimulator({ anonymous: true, now: toTheMicrosecond, ...simulator });
    if (isAway) await provider.close();
    else onTestFinished(() => provider.close());
    providers.push(provider);
  }
  const rings = names.map((name) => testRing([testKey(`key-${name}`, `sk-${name.repeat(24)}`)]));
  const { slots } = assignSlots(new Map(), names, 8);
  const state = openKeyState(createKeyState({ slots: 8, workers: 1, clock: systemClock }), 0);
  let next = 0;
  const definitions = groups.map((group) =>
    group.map(({ model, pays }) => {
      const index = next++;
      const name = names[index]!;
      const own = pays === "caller" ? credential("caller") : credential(`ring-${name}`);
      const hostOverride = providers[index]!.host;
      return ai({ hostOverride, name, model, credential: pays === "none" ? undefined : own });
    }),
  );
  const tiers = definitions.map((group) => group.map(({ name }) => ({ name, slot: slots.get(name) ?? 0 })));
  const endpoints = createEndpoints({ tiers, state, clock: systemClock, random: () => 0.5 });
  const bed = await startProxy({
    credentials: Object.fromEntries(names.map((name, at): [string, Credential] => [`ring-${name}`, rings[at]!.ring])),
    routes: () => [route({ policies, backends: [{ kind: "groups", id: "these", weight: 1, groups: definitions }] })],
    endpoints: (id) => (id === "these" ? endpoints : undefined),
  });
  /** `ab`: one request at a, then one at b. */
  const asked = () =>
    providers
      .flatMap(({ requests }, index) => requests.map(({ receivedAt }) => ({ receivedAt, name: names[index] })))
      .toSorted((one, other) => one.receivedAt - other.receivedAt)
      .map(({ name }) => name)
      .join("");
  return { bed, providers, asked, wait: (ms: number) => rings.forEach((ring) => ring.wait(ms)) };
}

function codeOf({ body }: RawResponse): unknown {
  return JSON.parse(body.toString()).error.code;
}

const limited: SimulatorOptions = { keys: [{ key: `sk-${"a".repeat(24)}`, remaining: 0, retryAfterSeconds: 20 }] };
const refusing: SimulatorOptions = { keys: [], anonymous: false };

describe("of groups of backends", () => {
  test("the first serves as long as it can", async () => {
    const { bed, asked } = await startGroups([{}], [{}]);
    for (let count = 0; count < 3; count++) expect((await bed.chat()).status).toBe(200);
    expect(asked()).toBe("aaa");
    expect(await bed.nextRecord()).toMatchObject({ backend: "a", key: { name: "key-a" } });
  });

  test.each([{}, stream])("the next serves when the keys of the first are limited: %j", async (more) => {
    const { bed, asked } = await startGroups([{ simulator: limited }], [{}]);
    expect(await bed.chat(more)).toMatchObject({ status: 200, complete: true });
    expect(asked()).toBe("ab");
    expect(await bed.nextRecord()).toMatchObject({
      backend: "b",
      key: { name: "key-b" },
      attempts: [{ key: "key-a", outcome: "limited", status: 429 }],
    });
    expect((await bed.chat(more)).status).toBe(200);
    expect(asked()).toBe("abb");
  });

  test.each([{}, stream])("the next serves when the key of the first is refused: %j", async (more) => {
    const { bed, asked } = await startGroups([{ simulator: refusing }], [{}]);
    expect(await bed.chat(more)).toMatchObject({ status: 200, complete: true });
    expect((await bed.chat(more)).status).toBe(200);
    expect(asked()).toBe("abb");
  });

  test.each([{}, stream])("one that cannot be reached makes room, and is left alone for a while: %j", async (more) => {
    const { bed } = await startGroups([{ isAway: true }], [{}]);
    expect(await bed.chat(more)).toMatchObject({ status: 200, complete: true });
    expect(await bed.chat(more)).toMatchObject({ status: 200, complete: true });
    expect((await bed.nextRecord()).attempts).toMatchObject([{ key: "key-a", outcome: "network", status: 0 }]);
    expect((await bed.nextRecord()).attempts).toBeUndefined();
  });

  test("one that is overloaded makes room, and is left alone for a while", async () => {
    const { bed, providers, asked } = await startGroups([{}], [{}]);
    providers[0]!.fault({ kind: "status", status: 503, retryAfterSeconds: 30 });
    expect((await bed.chat()).status).toBe(200);
    expect((await bed.chat()).status).toBe(200);
    expect(asked()).toBe("abb");
  });

  test("one that says so inside a stream makes room as well", async () => {
    const { bed, providers, asked } = await startGroups([{}], [{}]);
    providers[0]!.fault({
      kind: "error-event",
      afterEvents: 1,
      error: { message: "busy", code: "server_is_overloaded" },
    });
    expect(await bed.chat(stream)).toMatchObject({ status: 200, complete: true });
    expect(asked()).toBe("ab");
  });

  test.each<Fault>([
    { kind: "status", status: 500 },
    { kind: "status", status: 408 },
    { kind: "status", status: 501 },
    { kind: "status", status: 599 },
    { kind: "error-event", afterEvents: 0, error: { message: "failed", code: "server_error" } },
    { kind: "error-event", afterEvents: 1, error: { message: "failed", code: "server_error" } },
    { kind: "reset-before-head" },
    { kind: "status", status: 400 },
    { kind: "reset-after-events", afterEvents: 1 },
  ])("none is asked again for what another may have begun, or would refuse as well: %j", async (fault) => {
    const { bed, providers, asked } = await startGroups([{}], [{}]);
    providers[0]!.fault(fault);
    const answer = await bed.chat(stream);
    expect(answer.status !== 200 || !answer.complete || answer.body.includes("error")).toBe(true);
    expect(asked()).toBe("a");
  });

  describe("with a retry policy", () => {
    const retry = (attempts: number) => ({ retry: { attempts, backoffMs: 0, codes: [500, 503] } });

    test.each<Fault>([{ kind: "status", status: 500 }, { kind: "reset-before-head" }, { kind: "garbage" }])(
      "the next attempt takes another, even if the first may have begun: %j",
      async (fault) => {
        const { bed, providers, asked } = await startGroupsWith(retry(1), [{}], [{}]);
        providers[0]!.fault(fault);
        expect(await bed.chat(stream)).toMatchObject({ status: 200, complete: true });
        expect(asked()).toBe("ab");
        expect(providers[1]!.requests[0]!.headers["x-retry-attempt"]).toBe("1");
        expect(await bed.nextRecord()).toMatchObject({ backend: "b", retries: 1, attempts: [{ key: "key-a" }] });
      },
    );

    test("where there is no other, the same are asked again", async () => {
      const { bed, providers, asked } = await startGroupsWith(retry(2), [{}], [{}]);
      for (const provider of providers) provider.fault({ kind: "status", status: 500 });
      expect((await bed.chat()).status).toBe(200);
      expect(asked()).toBe("aba");
    });

    test("what needs no policy is no retry, and all may be asked once more when each has turned it away", async () => {
      const { bed, providers, asked } = await startGroupsWith(retry(1), [{}], [{}]);
      for (const provider of providers) provider.fault({ kind: "status", status: 503 });
      expect((await bed.chat()).status).toBe(200);
      expect(asked()).toBe("aba");
      expect(await bed.nextRecord()).toMatchObject({ retries: 1, attempts: [{ key: "key-a" }, { key: "key-b" }] });
    });
  });

  test("each gets the body with its own model", async () => {
    const { bed, providers } = await startGroups(
      [{ simulator: limited, model: "gpt-first" }],
      [{ model: "gpt-other" }],
    );
    expect((await bed.chat()).status).toBe(200);
    const models = providers.map(({ requests }) => JSON.parse(requests[0]!.body.toString()).model);
    expect(models).toEqual(["gpt-first", "gpt-other"]);
    expect((await bed.nextRecord()).llm).toMatchObject({ requestModel: "gpt-other" });
  });

  test("an upload that is relayed unread goes to the next as it was", async () => {
    const { bed, providers, asked } = await startGroups([{ simulator: limited }], [{}]);
    const boundary = "x-boundary";
    const part = `--${boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n`;
    const file = `--${boundary}\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n${"x".repeat(50_000)}\r\n`;
    const body = `${part}${file}--${boundary}--\r\n`;
    const headers = ["content-type", `multipart/form-data; boundary=${boundary}`];
    expect((await bed.send({ method: "POST", path: "/v1/files", headers, body })).status).toBe(200);
    expect(asked()).toBe("ab");
    expect(providers[1]!.requests[0]!.body.toString()).toBe(body);
  });

  test("one without a key may be the last resort, and its own refusals are its own", async () => {
    const { bed, providers, asked } = await startGroups([{ simulator: limited }], [{ pays: "none" }]);
    expect((await bed.chat()).status).toBe(200);
    providers[1]!.fault({ kind: "status", status: 401 });
    expect((await bed.chat()).status).toBe(429);
    expect(asked()).toBe("abb");
  });

  test("the caller's own token is refused where it was sent, and goes nowhere else", async () => {
    const { bed, asked } = await startGroups([{ simulator: refusing, pays: "caller" }], [{}]);
    const answer = await bed.chat({}, { headers: ["authorization", "Bearer sk-callers-own"] });
    expect(answer.status).toBe(401);
    expect(asked()).toBe("a");
  });

  test("all are limited: 429 with the earliest wait, at once the next time", async () => {
    const { bed, asked } = await startGroups(
      [{ simulator: limited }],
      [{ simulator: { keys: [{ key: `sk-${"b".repeat(24)}`, remaining: 0, retryAfterSeconds: 7 }] } }],
    );
    const answers = [await bed.chat(), await bed.chat()];
    expect(answers.map(({ status }) => status)).toEqual([429, 429]);
    expect(answers.map(codeOf)).toEqual(["keys_cooling", "keys_cooling"]);
    expect(Number(answers[1]!.headers["retry-after"])).toBeLessThan(10);
    expect(asked()).toBe("ab");
  });

  test("all are refused: 502, with the trail of all", async () => {
    const { bed } = await startGroups([{ simulator: refusing }], [{ simulator: refusing }]);
    const answer = await bed.chat();
    expect([answer.status, codeOf(answer)]).toEqual([502, "upstream_credentials_rejected"]);
    const { attempts } = await bed.nextRecord();
    expect(attempts?.map(({ key }) => key)).toEqual(expect.arrayContaining(["key-a", "key-b"]));
  });

  test("all cannot be reached: 503, and each is tried again by the next request", async () => {
    const { bed } = await startGroups([{ isAway: true }], [{ isAway: true }]);
    for (let count = 0; count < 2; count++) {
      const answer = await bed.chat();
      expect([answer.status, codeOf(answer)]).toEqual([503, "upstream_unreachable"]);
      expect((await bed.nextRecord()).attempts).toHaveLength(2);
    }
  });

  test.each([{}, stream])("who goes on from a response gets the provider that made it: %j", async (more) => {
    const { bed, providers, asked } = await startGroups([{}, {}, {}]);
    const ask = (input: string, before: string | null) =>
      bed.send({
        path: "/v1/responses",
        body: JSON.stringify({ ...more, model: "m", input, previous_response_id: before }),
      });
    for (let talk = 0; talk < 8; talk++) {
      let before: string | null = null;
      for (let turn = 0; turn < 3; turn++) {
        const answer = await ask(`talk ${talk}, turn ${turn}`, before);
        expect(answer.status).toBe(200);
        before = /"id": ?"(resp_[^"]+)"/.exec(answer.body.toString())?.[1] ?? null;
      }
    }
    expect(providers.every(({ requests }) => requests.length > 0)).toBe(true);
    expect(asked()).toHaveLength(24);
  });

  test("members of one group share the conversations, and each conversation stays where it is", async () => {
    const { bed, providers } = await startGroups([{}, {}, {}]);
    for (let round = 0; round < 2; round++) {
      for (let talk = 0; talk < 20; talk++) {
        await bed.send({
          method: "POST",
          path: chatPath,
          body: JSON.stringify({ model: "m", messages: [{ role: "user", content: `talk ${talk}` }] }),
        });
      }
    }
    const talks = providers.map(({ requests }) =>
      requests.map(({ body }) => JSON.parse(body.toString()).messages[0].content as string),
    );
    for (const each of talks) {
      expect(each.length).toBeGreaterThan(0);
      expect(each.slice(each.length / 2)).toEqual(each.slice(0, each.length / 2));
    }
  });
});
