import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BodyError, openAIDialect, type BodyEdit, type EditedBody } from "../../index.ts";

const nothing: BodyEdit = { includeUsage: false };
const model: BodyEdit = { model: "gpt-4o-mini", includeUsage: false };
const usage: BodyEdit = { includeUsage: true };

function edit(
  text: string | Uint8Array,
  how: BodyEdit,
  contentType = "application/json",
): EditedBody & { text: string } {
  const edited = openAIDialect.editBody(Buffer.from(text), contentType, how);
  return { ...edited, text: Buffer.from(edited.bytes).toString() };
}

function codeOf(text: string | Uint8Array, contentType?: string): string {
  try {
    edit(text, model, contentType);
  } catch (error) {
    if (BodyError.is(error)) return error.code;
    throw error;
  }
  return "none";
}

describe("the configured model", () => {
  test.each([
    ['{"model":"gpt-4o","x":1}', '{"model":"gpt-4o-mini","x":1}'],
    ['{ "x" : 1 ,\n\t"model" : "a" , "y":[] }\r\n', '{ "x" : 1 ,\n\t"model" : "gpt-4o-mini" , "y":[] }\r\n'],
    ['{"model":"a","model":"b"}', '{"model":"gpt-4o-mini","model":"gpt-4o-mini"}'],
    [String.raw`{"mod\u0065l":"a"}`, String.raw`{"mod\u0065l":"gpt-4o-mini"}`],
    [String.raw`{"\u006d\u006f\u0064\u0065\u006c":"a"}`, String.raw`{"\u006d\u006f\u0064\u0065\u006c":"gpt-4o-mini"}`],
    ['{"model":"gpt-4o-mini","model":{"model":"x"}}', '{"model":"gpt-4o-mini","model":"gpt-4o-mini"}'],
    ['{"model":null}', '{"model":"gpt-4o-mini"}'],
    ['{"model":["a"],"x":1.5e3}', '{"model":"gpt-4o-mini","x":1.5e3}'],
    ["{}", '{"model":"gpt-4o-mini"}'],
    ["{ \n}", '{"model":"gpt-4o-mini" \n}'],
    ['{"x":{"model":"a"}}', '{"model":"gpt-4o-mini","x":{"model":"a"}}'],
    ['{"Model":"a"}', '{"model":"gpt-4o-mini","Model":"a"}'],
    [String.raw`{"model":"\"}","x":"\\"}`, String.raw`{"model":"gpt-4o-mini","x":"\\"}`],
  ])("is written into %j, touching no other byte", (before, after) => {
    expect(edit(before, model).text).toBe(after);
    expect(edit(before, model, "text/plain").text).toBe(after);
  });

  test("may be any string", () => {
    const name = '"\\\n\u00e9\u{1f600}';
    expect(JSON.parse(edit('{"model":"a"}', { ...model, model: name }).text)).toEqual({ model: name });
    expect(JSON.parse(edit("{}", { ...model, model: name }).text)).toEqual({ model: name });
  });

  test("that is there already, or is not configured, leaves the very same bytes", () => {
    for (const how of [model, nothing]) {
      const body = new Uint8Array(Buffer.from('{"model":"gpt-4o-mini"}'));
      expect(openAIDialect.editBody(body, undefined, how).bytes).toBe(body);
    }
  });
});

describe("what the client asks for", () => {
  test.each([
    ['{"model":"a","stream":true}', "a", true],
    ['{"model":"a","model":"b"}', "b", false],
    [String.raw`{"model":"\u0061\"é","stream":false}`, 'a"é', false],
    ['{"model":1,"stream":"true"}', undefined, false],
    ['{"stream":true,"stream":false}', undefined, false],
    ['{"stream":false,"str\\u0065am":true}', undefined, true],
    ['{"x":{"model":"a","stream":true}}', undefined, false],
  ])("is read from %s", (text, requestedModel, stream) => {
    expect(edit(text, model)).toMatchObject({ requestedModel, stream });
  });
});

describe("usage of a stream", () => {
  test.each([
    ['{"stream":true}', '{"stream_options":{"include_usage":true},"stream":true}'],
    ['{"stream":true,"stream_options":null}', '{"stream":true,"stream_options":{"include_usage":true}}'],
    ['{"stream":true,"stream_options":{ }}', '{"stream":true,"stream_options":{"include_usage":true }}'],
    ['{"stream_options":{"a":1},"stream":true}', '{"stream_options":{"include_usage":true,"a":1},"stream":true}'],
    [
      '{"stream":true,"stream_options":{"include_usage":false}}',
      '{"stream":true,"stream_options":{"include_usage":true}}',
    ],
    [
      '{"stream":true,"stream_options":{"include_usage":true,"include_usage":null}}',
      '{"stream":true,"stream_options":{"include_usage":true,"include_usage":true}}',
    ],
    [
      '{"stream":true,"stream_options":{"include_usage":true},"stream_options":{}}',
      '{"stream":true,"stream_options":{"include_usage":true},"stream_options":{"include_usage":true}}',
    ],
  ])("is asked for on the client's behalf in %s", (before, after) => {
    expect(edit(before, usage)).toMatchObject({ text: after, usageWasAdded: true });
    const both = edit(before, { ...usage, model: "m" });
    expect(JSON.parse(both.text)).toEqual({ ...JSON.parse(after), model: "m" });
  });

  test.each([
    '{"stream":true,"stream_options":{"include_usage":true}}',
    '{"stream":true,"stream_options":{"include_usage":false},"stream_options":{"include_usage":true}}',
    '{"stream":true,"stream_options":"all"}',
    '{"stream":true,"stream_options":[]}',
    '{"stream":false}',
    "{}",
  ])("is left to the client in %s", (text) => {
    expect(edit(text, usage)).toMatchObject({ text, usageWasAdded: false });
  });

  test("is not asked for where it is turned off", () => {
    expect(edit('{"stream":true}', nothing)).toMatchObject({ text: '{"stream":true}', usageWasAdded: false });
  });
});

describe("a body that is no JSON object", () => {
  test.each(["", " ", "{", '{"a"', '{"a":', '{"a":1', '{"a":1,}', "{,}", '{"a":1}}', "{a:1}", "{'a':1}", '{"a":01}'])(
    "is refused: %j",
    (text) => {
      expect(codeOf(text)).toBe("INVALID_JSON");
    },
  );

  test.each([
    '{"a":"\n"}',
    '{"a":"\\x"}',
    '{"a":"\\u12g4"}',
    '{"a":1.}',
    '{"a":-}',
    '{"a":1e}',
    '{"a":.5}',
    '{"a":+1}',
  ])("is refused: %j", (text) => {
    expect(codeOf(text)).toBe("INVALID_JSON");
  });

  test("is refused when it is another value, or no UTF-8, or has a byte order mark", () => {
    for (const text of ["[]", "null", '"model"', " 1 ", "true"]) expect(codeOf(text)).toBe("NOT_AN_OBJECT");
    expect(codeOf("[1")).toBe("INVALID_JSON");
    expect(codeOf('\uFEFF{"model":"a"}')).toBe("INVALID_JSON");
    expect(codeOf(Buffer.from('{"model":"caf\u00e9"}', "latin1"))).toBe("INVALID_JSON");
  });

  test("may nest to 512 and no deeper", () => {
    expect(codeOf(`{"a":${"[".repeat(511)}${"]".repeat(511)}}`)).toBe("none");
    expect(codeOf(`{"a":${"[".repeat(512)}${"]".repeat(512)}}`)).toBe("JSON_TOO_DEEP");
    expect(codeOf(`{"a":${'{"a":'.repeat(100_000)}`)).toBe("JSON_TOO_DEEP");
    expect(codeOf("[".repeat(513))).toBe("JSON_TOO_DEEP");
  });

  test("is told by position and never quoted", () => {
    const refuse = (body: Uint8Array) => () => openAIDialect.editBody(body, undefined, model);
    expect(refuse(Buffer.from('{"secret":"hunter2",}'))).toThrow(expect.objectContaining({ position: 20 }));
    expect(refuse(Buffer.from('{"a":"é\u0001"}'))).toThrow("at byte 8");
    expect(refuse(Buffer.from([0x7b, 0x22, 0xff]))).toThrow(expect.objectContaining({ position: 2 }));
    expect(refuse(Buffer.from('{"secret":"hunter2",}'))).not.toThrow(/hunter2/);
  });
});

describe("any text", () => {
  const value = fc.jsonValue({ maxDepth: 4 });
  const name = fc.constantFrom("model", "stream", "stream_options", "include_usage", "a", "", "modelé");
  const object = fc.oneof(fc.dictionary(name, value), fc.dictionary(fc.string(), value));

  function agrees(text: string): void {
    let parsed: unknown;
    try {
      parsed = JSON.parse(text);
    } catch {
      expect(codeOf(text)).toBe("INVALID_JSON");
      return;
    }
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
      expect(codeOf(text)).toBe("NOT_AN_OBJECT");
      return;
    }
    expect(JSON.parse(edit(text, model).text)).toEqual({ ...parsed, model: "gpt-4o-mini" });
    const asked = edit(text, usage);
    if (asked.usageWasAdded) expect(JSON.parse(asked.text)).toMatchObject({ stream_options: { include_usage: true } });
    else expect(asked.text).toBe(text);
  }

  test("is accepted exactly where JSON.parse accepts it, and edited to what JSON.parse would make of it", () => {
    fc.assert(
      fc.property(object, fc.constantFrom(undefined, 1, "\t"), (parsed, indent) => {
        const text = JSON.stringify(parsed, undefined, indent);
        const edited = edit(text, model);
        expect(JSON.parse(edited.text)).toEqual({ ...JSON.parse(text), model: "gpt-4o-mini" });
        expect(edited.stream).toBe(parsed["stream"] === true);
        expect(edited.requestedModel).toBe(typeof parsed["model"] === "string" ? parsed["model"] : undefined);
      }),
      { numRuns: 300 },
    );
  });

  test("agrees with JSON.parse after one change anywhere", () => {
    const change = fc.tuple(
      fc.nat(),
      fc.nat(2),
      fc.constantFrom(...Array.from('{}[]",:\\ \n\t0123456789-+.eEtrufalsn\u0000\u001f/xé')),
    );
    fc.assert(
      fc.property(object, fc.array(change, { minLength: 1, maxLength: 2 }), (parsed, changes) => {
        let text = JSON.stringify(parsed);
        for (const [place, removed, added] of changes) {
          const at = place % (text.length + 1);
          text = text.slice(0, at) + added + text.slice(at + removed);
        }
        fc.pre(text.isWellFormed());
        agrees(text);
      }),
      { numRuns: 1500 },
    );
  });
});
