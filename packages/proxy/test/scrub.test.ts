import { array, assert, asyncProperty, constantFrom, string, stringMatching, tuple, uint8Array } from "fast-check";
import { createSeal, systemClock, type Credential, type SecretVersion } from "@keybearer/secrets";
import { describe, expect, test } from "vitest";
import { startProxy } from "./start-proxy.ts";

/** What a caller gets to see of an error that says this, where this key was sent. */
async function startScrubbing() {
  const seal = createSeal({ source: "test", clock: systemClock });
  let version: SecretVersion;
  const key: Credential = { acquire: () => ({ name: "main", source: "test", version, release: () => undefined }) };
  const bed = await startProxy({ credentials: { key } });
  async function scrubbed(value: string, text: string, parts?: Record<string, string>): Promise<string>;
  async function scrubbed(value: string, text: Buffer): Promise<Buffer>;
  async function scrubbed(value: string, text: string | Buffer, parts?: Record<string, string>) {
    version = seal(value, parts ? { parts } : {});
    bed.upstream.fault({ kind: "status", status: 400, body: text });
    const { body } = await bed.chat();
    await bed.nextRecord();
    return typeof text === "string" ? body.toString() : body;
  }
  return scrubbed;
}

const base64url = (text: string): string => Buffer.from(text).toString("base64url");
const jsonOf = (text: string): string => JSON.stringify(text).slice(1, -1);
const spellings: readonly ((key: string) => string)[] = [
  (key) => key,
  (key) => Buffer.from(key).toString("base64"),
  (key) => Buffer.from(key).toString("base64").replaceAll("=", ""),
  base64url,
  (key) => Buffer.from(key).toString("hex"),
  (key) => Buffer.from(key).toString("hex").toUpperCase(),
  encodeURIComponent,
  (key) => encodeURIComponent(key).replace(/%../g, (escape) => escape.toLowerCase()),
  (key) => new URLSearchParams({ key }).toString().slice("key=".length),
  jsonOf,
  (key) => jsonOf(key).replaceAll("/", "\\/"),
  (key) => key.replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`),
  (key) => key.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;"),
];
/** Some of the key in the middle of something that is encoded as a whole: what is left must not tell it. */
const wholes: readonly ((key: string) => string)[] = [
  (key) => Buffer.from(`Bearer ${key}`).toString("base64"),
  (key) => Buffer.from(`user:${key}\n`).toString("base64"),
  (key) => base64url(`{"key":"${key}"}`),
];

describe("what a provider says of a key", () => {
  test("never holds it, however it is spelt and wherever it stands", async () => {
    const scrubbed = await startScrubbing();
    const key = stringMatching(/^[A-Z][!-~]{11,59}$/);
    const plants = array(tuple(string(), constantFrom(...spellings)), { minLength: 1, maxLength: 4 });
    await assert(
      asyncProperty(key, plants, string(), async (value, planted, rest) => {
        const text = planted.map(([before, spell]) => before + spell(value)).join("") + rest;
        const seen = await scrubbed(value, text);
        for (const spell of spellings) expect(seen).not.toContain(spell(value));
      }),
      { numRuns: 150 },
    );
  });

  test("never holds it inside of something encoded", async () => {
    const scrubbed = await startScrubbing();
    await assert(
      asyncProperty(stringMatching(/^[A-Z][!-~]{11,59}$/), constantFrom(...wholes), async (value, whole) => {
        const seen = await scrubbed(value, `it was ${whole(value)}, no?`);
        for (const word of seen.split(/[^\w+/=-]+/)) {
          expect(Buffer.from(word, "base64").toString("latin1")).not.toContain(value.slice(2, -2));
        }
      }),
      { numRuns: 40 },
    );
  });

  test("holds no part of a key of several parts", async () => {
    const scrubbed = await startScrubbing();
    const seen = await scrubbed("AKIAABCDEFGHIJKLMNOP", "AKIAABCDEFGHIJKLMNOP and se/cret+of+aws", {
      secret: "se/cret+of+aws",
    });
    expect(seen).toBe("[redacted] and [redacted]");
  });

  const key = "sk-proj-Ab3dEfGhIjKlMnOpQrSt21sA";
  test.each([
    ["OpenAI's", "sk-proj-****************21sA"],
    ["OpenAI's, with dots", "sk-proj-****..21sA"],
    ["xAI's", "sk***sA"],
    ["DeepSeek's", "****21sA"],
    ["bullets", "sk-••••21sA"],
    ["an ellipsis", "sk-...21sA"],
    ["an ellipsis in one character", "sk-proj-Ab…21sA"],
    ["a tail alone", "...21sA"],
    ["a head alone", "sk-proj-Ab3d*****"],
    ["crosses", "sk-proj-XXXXXXXX21sA"],
  ])("is no masked echo: %s", async (_, echo) => {
    const scrubbed = await startScrubbing();
    for (const around of ["Incorrect API key provided: @. You can", '{"key":"@"}', "key=@&x", "@", "(@)"]) {
      expect(await scrubbed(key, around.replace("@", echo))).toBe(around.replace("@", "[redacted]"));
    }
  });

  test.each([
    ["OpenAI's organisation", "in organization org-AbCdEf0123456789 on tokens", "in organization @ on tokens"],
    ["a simulated one", "in organization org-simulated on requests", "in organization @ on requests"],
    ["OpenAI's project", "Project `proj_AbC123dEf456` does not", "Project `@` does not"],
    ["Groq's organisation", "in organization `org_01hx2v8e5cfk7b` service", "in organization `@` service"],
    ["xAI's team", "Your team 2f0d1a3b-0c5d-4e7f-8a9b-0c1d2e3f4a5b has", "Your team @ has"],
    ["Google's project", "for project 123456789012: quota", "for project @: quota"],
    ["Google's project by number", "consumer 'project_number:123456789012'", "consumer 'project_number:@'"],
    ["Google's project in a path", "resource projects/123456789012/locations", "resource projects/@/locations"],
    [
      "AWS's caller",
      "User: arn:aws:sts::123456789012:assumed-role/x/y is not authorized on resource: arn:aws-cn:bedrock:a:1:model/m",
      "User: @ is not authorized on resource: @",
    ],
  ])("names no account: %s", async (_, text, expected) => {
    const scrubbed = await startScrubbing();
    expect(await scrubbed(key, text)).toBe(expected.replaceAll("@", "[redacted]"));
  });

  test.each([
    "***bold*** and **strong**, * a list, 2 ** 3, /* a comment */",
    "wait... sk... and s*** happens; and so on... ",
    "user_authentication, team_permissions, org-chart, org-specific, proj_description, user-agent, project 12",
    '{"error":{"message":"Invalid value: \'x\'. Supported: \'a\', \'b\'","type":"invalid_request_error","param":"user_id","code":null}}',
    "Rate limit reached for gpt-4o: Limit 30000, Used 29000, Requested 2000. Please try again in 6ms. Visit https://platform.openai.com/account/rate-limits",
    "xxxx XXXX xxxxxxxx 日本語 é \u0000 \uFEFF",
  ])("is else as it was: %s", async (text) => {
    const scrubbed = await startScrubbing();
    expect(await scrubbed(key, text)).toBe(text);
  });

  test("is else as it was, whatever bytes it is", async () => {
    const scrubbed = await startScrubbing();
    await assert(
      asyncProperty(uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
        expect((await scrubbed(key, Buffer.from(bytes))).equals(bytes)).toBe(true);
      }),
      { numRuns: 100 },
    );
  });

  test("is read in time that grows with its length alone", async () => {
    const scrubbed = await startScrubbing();
    for (const unit of ["sk-**", "*", "sk-proj-Ab3d", "org-a", "project ", "arn:aws:", "a."]) {
      const text = unit.repeat(Math.floor((250 * 1024) / unit.length));
      expect((await scrubbed(key, text)).length).toBeGreaterThan(0);
    }
  });
});
