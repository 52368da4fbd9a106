import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BodyError, openAIDialect } from "../../index.ts";

const type = "multipart/form-data; boundary=XX";

function edit(body: string, contentType = type, model: string | undefined = "whisper-1") {
  return openAIDialect.editBody(Buffer.from(body, "latin1"), contentType, { model, includeUsage: true });
}

function text(body: string, contentType?: string): string {
  return Buffer.from(edit(body, contentType).bytes).toString("latin1");
}

function codeOf(body: string, contentType?: string): string {
  try {
    edit(body, contentType);
  } catch (error) {
    if (BodyError.is(error)) return error.code;
    throw error;
  }
  return "none";
}

/** A body of parts, each given as its headers and its content. */
function form(...parts: [head: string, content: string][]): string {
  return `${parts.map(([head, content]) => `--XX\r\n${head}\r\n\r\n${content}\r\n`).join("")}--XX--\r\n`;
}

const file: [string, string] = [
  'Content-Disposition: form-data; name="file"; filename="a.mp3"\r\nContent-Type: audio/mpeg',
  "\r\n-- \0\x01\xff model",
];
const named = (name: string): string => `Content-Disposition: form-data; ${name}`;

describe("the configured model", () => {
  test.each([
    [named('name="model"')],
    [named("name=model")],
    ['CONTENT-DISPOSITION:FORM-DATA ; NAME="model"'],
    [`Content-Type: text/plain\r\n${named('name="model"')}`],
    [named('filename="x\\"; name=\\"y"; name="model"')],
    [named("filename*=utf-8''x; name=\"model\"")],
  ])("replaces the content of the part headed %j", (head) => {
    expect(text(form(file, [head, "theirs"], file))).toBe(form(file, [head, "whisper-1"], file));
    expect(edit(form(file, [head, "theirs"])).requestedModel).toBe("theirs");
  });

  test("replaces each of several", () => {
    const model = named('name="model"');
    expect(text(form([model, "a"], file, [model, ""]))).toBe(form([model, "whisper-1"], file, [model, "whisper-1"]));
  });

  test("is added where there is none", () => {
    expect(text(form(file))).toBe(form(file, [named('name="model"'), "whisper-1"]));
    expect(text("--XX--")).toBe(form([named('name="model"'), "whisper-1"]).trimEnd());
    expect(text(form([named('name="Model"'), "a"]))).toContain("whisper-1");
  });

  test("that is there already, or is not configured, leaves the very same bytes", () => {
    const body = Buffer.from(form(file, [named('name="model"'), "whisper-1"]));
    expect(openAIDialect.editBody(body, type, { model: "whisper-1", includeUsage: false }).bytes).toBe(body);
    expect(openAIDialect.editBody(body, type, { includeUsage: false }).bytes).toBe(body);
  });

  test("cannot be made to end its part by the boundary that the client chose", () => {
    expect(() => edit("--m--", "multipart/form-data; boundary=m", "--m")).toThrow(BodyError);
  });
});

test("a stream is asked for by its field", () => {
  expect(edit(form([named('name="stream"'), "true"]))).toMatchObject({ stream: true, usageWasAdded: false });
  expect(edit(form([named('name="stream"'), "false"]))).toMatchObject({ stream: false });
});

test.each([
  'multipart/form-data; boundary="XX"',
  "Multipart/Form-Data;charset=utf-8 ;BOUNDARY=XX",
  "multipart/form-data; boundary=XX;",
])("the boundary is read from %s", (contentType) => {
  expect(codeOf(form(file), contentType)).toBe("none");
});

describe("a form that readers could read in two ways is refused:", () => {
  test.each([
    ["no boundary", "multipart/form-data"],
    ["an empty boundary", 'multipart/form-data; boundary=""'],
    ["two boundaries", "multipart/form-data; boundary=XX; boundary=YY"],
    ["an escaped boundary", 'multipart/form-data; boundary="X\\X"'],
    ["a malformed content type", "multipart/form-data; boundary=XX; a"],
    ["another boundary", "multipart/form-data; boundary=YY"],
  ])("%s", (_, contentType) => {
    expect(codeOf(form(file), contentType)).toBe("INVALID_MULTIPART");
  });

  const model = named('name="model"');
  test.each([
    ["nothing", ""],
    ["a preamble", `x\r\n${form(file)}`],
    ["an epilogue", `${form(file)}--XX\r\n`],
    ["no end", form(file).slice(0, -6)],
    ["a boundary behind a bare line feed", form([file[0], `\n--XX\n${model}\n\nother\n--XX--`])],
    ["a boundary amid a line", form([file[0], "a --XX b"])],
    ["a boundary behind a line feed alone", form([file[0], `a\n--XX\r\n${model}\r\n\r\nother`])],
    ["a boundary at the end of a line", form([file[0], `ab--XX\r\n${model}\r\n\r\nother`])],
    ["a longer boundary", form([file[0], "a\r\n--XXY\r\n"])],
    ["a boundary in a header", form([`X-A: --XX\r\n${model}`, ""])],
    ["a part without headers", "--XX\r\n\r\na\r\n--XX--"],
    ["headers without end", `--XX\r\n${model}\r\n--XX--`],
    ["no disposition", form(["Content-Type: text/plain", ""])],
    ["two dispositions", form([`${named('name="a"')}\r\n${model}`, ""])],
    ["another disposition", form(['Content-Disposition: attachment; name="a"', ""])],
    ["no name", form([named('filename="a"'), ""])],
    ["two names", form([named('name="a"; name="model"'), ""])],
    ["an encoded name", form([named("name=\"a\"; name*=utf-8''model"), ""])],
    ["a name in pieces", form([named('name="a"; name*0="model"'), ""])],
    ["an escaped name", form([named('name="mod\\el"'), ""])],
    ["a percent-encoded name", form([named('name="mod%65l"'), ""])],
    ["an open quote", form([named('name="model'), ""])],
    ["something behind a quote", form([named('name="a"model"'), ""])],
    ["a folded header", form(['Content-Disposition: form-data;\r\n name="model"', ""])],
    ["a bare line feed in a header", form([`X-A: b\n${model}`, ""])],
    ["a blank before the colon", form(['Content-Disposition : form-data; name="model"', ""])],
    ["an encoded content", form([`${model}\r\nContent-Transfer-Encoding: base64`, ""])],
    ["headers without bound", form([`X-A: ${"a".repeat(20_000)}\r\n${model}`, ""])],
    ["JSON", '{"model":"a"}'],
  ])("%s", (_, body) => {
    expect(codeOf(body)).toBe("INVALID_MULTIPART");
  });
});

test("a form under another content type is no JSON", () => {
  expect(codeOf(form(file), "multipart/mixed; boundary=XX")).toBe("INVALID_JSON");
});

test("another reader finds every field and file as it was, and the configured model", async () => {
  const entry = fc.record({
    name: fc.constantFrom("file", "model", "stream", "prompt", "image[]"),
    content: fc.uint8Array({ maxLength: 40 }),
    isFile: fc.boolean(),
  });
  const read = async (response: Response) =>
    Promise.all(
      [...(await response.formData())].map(async ([name, value]) => [
        name,
        typeof value === "string" ? value : Buffer.from(await value.arrayBuffer()).toString("latin1"),
      ]),
    );
  await fc.assert(
    fc.asyncProperty(fc.array(entry, { maxLength: 6 }), async (entries) => {
      const data = new FormData();
      for (const { name, content, isFile } of entries) {
        if (isFile && name !== "model") data.append(name, new Blob([new Uint8Array(content)]), 'a "file".bin');
        else data.append(name, Buffer.from(content).toString("hex"));
      }
      const before = new Response(data);
      const contentType = before.headers.get("content-type") ?? "";
      const body = Buffer.from(await before.clone().arrayBuffer());
      const edited = openAIDialect.editBody(body, contentType, { model: "whisper-1", includeUsage: false });
      const after = new Response(Buffer.from(edited.bytes), { headers: { "content-type": contentType } });
      const expected = (await read(before)).map(([name, value]) => [name, name === "model" ? "whisper-1" : value]);
      if (!expected.some(([name]) => name === "model")) expected.push(["model", "whisper-1"]);
      expect(await read(after)).toEqual(expected);
    }),
    { numRuns: 60 },
  );
});
