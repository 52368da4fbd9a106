/** The user's page: its Role is enough, and no more than that, and its manifests fit each other. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import type { Verb } from "./api-server.ts";
import { cluster, open } from "./cluster.ts";

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly [more: string]: unknown;
}

const page = readFileSync(join(import.meta.dirname, "../../../docs/kubernetes.md"), "utf8");
const manifests = Array.from(page.matchAll(/^```yml\n([^]*?)^```$/gm), ([, text = ""]) => text).flatMap((text) =>
  parseAllDocuments(text).map((document) => document.toJS() as Manifest),
);
const kinds = (kind: string) => manifests.filter((each) => each.kind === kind);

test("the Role is enough for a key that changes, and lists no other Secret", async () => {
  const [role] = kinds("Role");
  const rules = role?.["rules"] as { verbs: Verb[]; resourceNames: string[] }[];
  const api = await cluster({ rules });
  api.store.put("ai", "openai-secret", { Authorization: "sk-1" });
  const begun = api.next("watch");
  const { next, reports } = await open(api);
  await begun;
  const changed = next();
  api.store.put("ai", "openai-secret", { Authorization: "sk-2" });
  expect(await changed).toBe("sk-2");
  expect(reports).toEqual([]);
  expect((await fetch(`${api.url}/api/v1/namespaces/ai/secrets`)).status).toBe(403);
  expect((await fetch(`${api.url}/api/v1/namespaces/ai/secrets/another`)).status).toBe(403);
});

test("the manifests are of one namespace and name each other", () => {
  expect(manifests.map(({ kind }) => kind).toSorted()).toEqual([
    "ConfigMap",
    "Deployment",
    "Role",
    "RoleBinding",
    "Secret",
    "Secret",
    "Service",
    "ServiceAccount",
  ]);
  expect(new Set(manifests.map(({ metadata }) => metadata.namespace))).toEqual(new Set(["ai"]));
  const [role, binding, account] = [...kinds("Role"), ...kinds("RoleBinding"), ...kinds("ServiceAccount")];
  expect(binding).toMatchObject({
    roleRef: { name: role?.metadata.name },
    subjects: [{ name: account?.metadata.name }],
  });
  expect(kinds("Deployment")[0]).toMatchObject({
    spec: {
      template: {
        metadata: { labels: { app: "keybearer" } },
        spec: {
          serviceAccountName: account?.metadata.name,
          volumes: [{ configMap: { name: "keybearer" } }, { secret: { secretName: "openai-secret" } }, {}],
        },
      },
    },
  });
  expect(kinds("Service")[0]).toMatchObject({ spec: { selector: { app: "keybearer" } } });
});
