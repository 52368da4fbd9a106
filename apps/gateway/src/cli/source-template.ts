/** What `keybearer init source` writes: a key source that works, over HTTP as most stores are, and its test. */

/** In the files as they stand the source is called `acme`. */
export function sourceModule(name: string): string {
  return named(MODULE, name);
}

/** Runs under node's own test runner, so that nothing but keybearer has to be installed. */
export function sourceTest(name: string): string {
  return named(TEST, name);
}

/** The variable with the token for the store. */
export function tokenVariable(name: string): string {
  return `${name.toUpperCase().replaceAll("-", "_")}_TOKEN`;
}

function named(text: string, name: string): string {
  return text.replaceAll("ACME_TOKEN", tokenVariable(name)).replaceAll("acme", name);
}

const MODULE = `// @ts-check
/** Keys from the store at \`url\`: \`key: { acme: { url: "https://keys.example.com", entry: openai } }\`. */
import { defineSecretSource, SecretError } from "@keybearer/secrets";

/**
 * What stands below \`acme:\`. A schema of valibot, zod or whatever else speaks Standard Schema does as well.
 *
 * @type {import("@keybearer/secrets").StandardSchemaV1<unknown, { url: string, entry: string }>}
 */
const schema = {
  "~standard": {
    version: 1,
    vendor: "acme",
    validate(value) {
      const { url, entry, ...others } = Object(value);
      const isValid = typeof url === "string" && URL.canParse(url) && typeof entry === "string" && entry !== "";
      if (isValid && Object.keys(others).length === 0) return { value: { url: url.replace(/\\/$/, ""), entry } };
      return { issues: [{ message: 'expected { url: "https://...", entry: NAME }' }] };
    },
  },
};

/** @type {Record<number, import("@keybearer/secrets").SecretErrorCode>} */
const codes = { 401: "SECRET_DENIED", 403: "SECRET_DENIED", 404: "SECRET_NOT_FOUND" };

export default defineSecretSource({
  name: "acme",
  schema,
  ttl: "10m", // how long a value is good for; it is asked for again before that, and when a provider refuses the key
  async fetch({ url, entry }, { env, signal }) {
    const token = env.get("ACME_TOKEN");
    const headers = new Headers(token === undefined ? [] : [["authorization", \`Bearer \${token}\`]]);
    const answer = await fetch(\`\${url}/\${encodeURIComponent(entry)}\`, { headers, redirect: "error", signal });
    const text = await answer.text();
    if (answer.ok) return text; // or { value, expiresAt }, where the store says when a key ends
    const code = codes[answer.status] ?? "SECRET_UNAVAILABLE"; // an error never shows the text: it may hold the key
    throw new SecretError(code, "acme", \`the store answered \${answer.status} for the entry \${entry}\`);
  },
});
`;

const TEST = `/** What every key source keeps to, and what this one does, against a store made here: node --test acme.test.mjs */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { after, test } from "node:test";
import { openSecret } from "@keybearer/secrets";
import { testSecretSource } from "@keybearer/secrets/testing";
import source from "./acme.mjs";

const token = "token-of-a-test";
/** What the store holds, by path. */
const entries = new Map();
const store = createServer(({ url, headers }, response) => {
  const text = entries.get(url);
  if (headers.authorization !== \`Bearer \${token}\`) response.writeHead(401).end();
  else if (text === undefined) response.writeHead(404).end();
  else response.end(text);
}).listen(0, "127.0.0.1");
await once(store, "listening");
after(() => store.close());

let count = 0;
function place(text) {
  const entry = \`key-\${(count += 1)}\`;
  const write = (next) => void entries.set(\`/\${entry}\`, next);
  write(text);
  return {
    ref: { url: \`http://127.0.0.1:\${store.address().port}\`, entry },
    options: { env: { ACME_TOKEN: token } },
    write,
    remove: () => void entries.delete(\`/\${entry}\`),
  };
}

testSecretSource({ test, source, changes: true, place });

test("says that the store wants another token", async () => {
  const env = { ACME_TOKEN: "another" };
  await assert.rejects(openSecret(source, place("sk-test").ref, { env }), { code: "SECRET_DENIED", source: "acme" });
});
`;
