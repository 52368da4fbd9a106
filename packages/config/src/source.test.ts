/** Placing what others found: a key source's error, a notice, a file that cannot be read. */
import * as v from "valibot";
import { expect, test } from "vitest";
import { ConfigError, parseConfig } from "./index.ts";

const text = `# the page's config
binds:
- port: 3000
  listeners:
  - routes:
    - backends: [{ host: "a:443" }]
      policies: &policies
        backendAuth: { key: { file: key.txt } }
        requestHeaderModifier:
          set: { X-Team: blue }
    - backends: [{ host: "b:443" }]
      policies: { <<: *policies }
`;

const { config, source } = parseConfig(text, {
  fileName: "config.yaml",
  lookup: () => undefined,
  sources: [{ name: "file", schema: v.string() }],
  providers: [],
});
const [first, second] = config.binds[0]!.listeners[0]!.routes;

test("an error of a key's source stands at its reference", () => {
  const { path } = first!.policies.backendAuth!.key!.reference;
  const cause = new Error("two lines");
  const error = source.error(path, {
    code: "SECRET_MALFORMED",
    message: "a key is one line; this file has 2",
    found: "/etc/keybearer/key.txt, 2 lines",
    fix: "write it with >, not >>",
    cause,
  });
  expect(ConfigError.is(error)).toBe(true);
  expect(error.cause).toBe(cause);
  expect(error.path).toBe(path);
  expect(error.format()).toBe(`config.yaml:8:37: SECRET_MALFORMED: a key is one line; this file has 2

    7 |       policies: &policies
    8 |         backendAuth: { key: { file: key.txt } }
      |                                     ^^^^^^^
      found  /etc/keybearer/key.txt, 2 lines
      fix    write it with >, not >>`);
});

test("a notice is one line", () => {
  const notice = source.notice(first!.path, { code: "SECRET_INLINE", message: "the config holds a key" });
  expect(notice).toBe("config.yaml:6:7: SECRET_INLINE: the config holds a key");
});

test("a place is a line, a column and an offset", () => {
  const place = source.locate(["binds", 0, "port"]);
  expect(place).toEqual({ line: 3, column: 9, offset: text.indexOf("3000"), length: 4 });
  expect(source.locate(["binds", 0, "port"], "key")).toMatchObject({ line: 3, column: 3, length: 4 });
});

test("a header is found by its name in lower case", () => {
  const { path, set } = first!.policies.requestHeaderModifier!;
  expect(source.locate([...path, "set", set[0]![0]], "key")).toMatchObject({ line: 10, column: 18, length: 6 });
});

test("what is not in the file is placed at the nearest that is", () => {
  expect(source.locate(["binds", 0, "address"])).toMatchObject({ line: 3, column: 3 });
  expect(source.locate(["binds", 0, "port", "deep"])).toMatchObject({ line: 3 });
  expect(source.locate(["binds", 7, "port"])).toMatchObject({ line: 2 });
});

test("what a merge brought in is placed where it was written", () => {
  expect(source.locate(second!.policies.backendAuth!.key!.reference.path)).toMatchObject({ line: 8, column: 37 });
});
