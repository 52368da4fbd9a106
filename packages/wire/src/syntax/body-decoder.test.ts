/** Where bodies end and what is in them: lengths, chunks and trailers (RFC 9112 sections 6 and 7). */
import { describe, expect, test } from "vitest";
import { WireError } from "../errors.ts";
import { BodyDecoder, type BodyKind } from "./body-decoder.ts";

interface Decoded {
  readonly content: string;
  /** The offset behind the body; -1: it is not whole. */
  readonly behind: number;
  readonly code?: string;
}

/** Pieces of `size` bytes, each in a buffer whose bytes are gone after the call. */
function decode(kind: BodyKind, text: string, size: number, length = 0, limits = LIMITS): Decoded {
  const decoder = new BodyDecoder();
  const taken: string[] = [];
  const take = {
    content: (bytes: Buffer, from: number, to: number) => void taken.push(bytes.toString("latin1", from, to)),
  };
  decoder.begin(kind, length, limits);
  try {
    for (let start = 0; !decoder.isWhole; start += size) {
      if (start >= text.length) return { content: taken.join(""), behind: -1 };
      const piece = Buffer.from(`0\r\n\r\n${text.slice(start, start + size)}0\r\n\r\n`, "latin1");
      const behind = decoder.decode(piece, 5, piece.length - 5, take) - 5;
      piece.fill(0xdb);
      if (decoder.isWhole) return { content: taken.join(""), behind: start + behind };
      expect(behind).toBe(piece.length - 10);
    }
    return { content: "", behind: 0 };
  } catch (error) {
    return { content: taken.join(""), behind: -1, code: WireError.is(error) ? error.code : String(error) };
  }
}

const LIMITS = { headBytes: 64 * 1024, headers: 1000 };
const END = "0\r\n\r\n";
const NEXT = "GET /next HTTP/1.1\r\n";

function sizes(text: string): number[] {
  return text.length > 300 ? [text.length, 1, 7, 1000] : Array.from({ length: text.length }, (_, index) => index + 1);
}

function expectBody(text: string, content: string): void {
  for (const size of sizes(text))
    expect(decode("chunked", text + NEXT, size)).toEqual({ content, behind: text.length });
}

/** With what came before the fault given. */
function expectFault(text: string, content = "", code = "WIRE_MALFORMED"): void {
  for (const size of sizes(text))
    expect(decode("chunked", text, size), `by ${size}`).toEqual({ content, behind: -1, code });
}

describe("a body", () => {
  test("of no kind is whole at once", () => {
    expect(decode("none", NEXT, 100)).toEqual({ content: "", behind: 0 });
    expect(decode("length", NEXT, 100, 0)).toEqual({ content: "", behind: 0 });
  });

  test("with a length ends there, at whatever bytes it is cut", () => {
    for (let size = 1; size < 10; size += 1) {
      expect(decode("length", `abc${NEXT}`, size, 3)).toEqual({ content: "abc", behind: 3 });
      expect(decode("length", "abc", size, 4)).toEqual({ content: "abc", behind: -1 });
    }
  });

  test("that ends with the connection is never whole, and all of it is content", () => {
    expect(decode("close", `0\r\n\r\n${NEXT}`, 4)).toEqual({ content: `0\r\n\r\n${NEXT}`, behind: -1 });
  });

  test("is followed by another of another kind", () => {
    const decoder = new BodyDecoder();
    const taken: string[] = [];
    const take = {
      content: (bytes: Buffer, from: number, to: number) => void taken.push(bytes.toString("latin1", from, to)),
    };
    const bytes = Buffer.from("1\r\na\r\n0\r\nX: 1\r\n\r\nbc2\r\nde\r\n0\r\n\r\n");
    decoder.begin("chunked");
    let at = decoder.decode(bytes, 0, bytes.length, take);
    decoder.begin("length", 2);
    expect(decoder.isWhole).toBe(false);
    at = decoder.decode(bytes, at, bytes.length, take);
    decoder.begin("chunked");
    expect(decoder.isWhole).toBe(false);
    expect(decoder.decode(bytes, at, bytes.length, take)).toBe(bytes.length);
    expect(taken).toEqual(["a", "bc", "de"]);
  });
});

describe("chunks", () => {
  test.each([
    [END, ""],
    [`3\r\nabc\r\n${END}`, "abc"],
    [`1\r\na\r\n1\r\nb\r\n000\r\n\r\n`, "ab"],
    [`A\r\n0123456789\r\na\r\n0123456789\r\n${END}`, "01234567890123456789"],
    [`0000000000000003\r\nabc\r\n${END}`, "abc"],
    [`5\r\n0\r\n\r\n\r\n${END}`, "0\r\n\r\n"],
    [`3;a\r\nabc\r\n${END}`, "abc"],
    [`3;a=b;c\r\nabc\r\n0;d=e\r\n\r\n`, "abc"],
    [`3;a="b;c\\"\\\\ \t\xe9"\r\nabc\r\n${END}`, "abc"],
    [`3;a="";b=""\r\nabc\r\n${END}`, "abc"],
    [`3\r\nabc\r\n0\r\nX-A: 1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n`, "abc"],
  ])("%j are taken, however they are cut", (text, content) => {
    expectBody(text, content);
  });

  test.each(
    [
      [
        "x",
        "",
        "0x3",
        "+3",
        "-3",
        "_3",
        "3_",
        "3.",
        " 3",
        "3 ",
        "\t3",
        "3\t",
        "3\0",
        "g",
        "3\x0b",
        "3 ;a",
        "3\r",
        "3\xa0",
      ],
      [
        "3;",
        "3;;",
        "3; a",
        "3;a ",
        "3;a =b",
        "3;a= b",
        "3;=b",
        "3;a=",
        "3;a==b",
        "3;a;",
        "3;a=;b",
        '3;"a"',
        '3;a=b"c"',
        "3;\xe9",
      ],
      ['3;a="b', '3;a="b"c', '3;a="b" ', '3;a="\0"', '3;a="\x7f"', '3;a="\\\0"', "3;a\0", "3;a\x7f", '3;a="b\\'],
    ].flat(),
  )("the size %j is refused", (size) => {
    expectFault(`${size}\r\nabc\r\n${END}`);
  });

  test.each([
    "3\nabc",
    "3\rabc",
    "3;a\nabc",
    "3;a\rabc",
    '3;a="\n"',
    '3;a="\r\n"',
    "3;\nx",
    "3\r\r\nabc",
    "3\n\r\nabc",
  ])("a line that does not end with CRLF is refused: %j", (text) => {
    expectFault(text);
  });

  test.each(["abcd\r\n", "abc\n", "abc\r\r\n", "abc\n\r\n", "abc\0\r\n", `abc${END}`])(
    "data that does not end with CRLF is refused: %j",
    (text) => {
      expectFault(`3\r\n${text}`, "abc");
    },
  );

  test.each(
    [
      ["X-A", "X-A : 1", " X-A: 1", ": 1", "X-A: 1\r\n 2", "X-A: 1\nX-B: 2", "X-A: 1\rX-B: 2", "X-A: \0", "X-\xe9: 1"],
      [
        "Content-Length: 3",
        "content-length: 0",
        "Content-Length: x",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: x",
      ],
    ].flat(),
  )("the trailer %j is refused", (trailer) => {
    expectFault(`3\r\nabc\r\n0\r\n${trailer}\r\n\r\n`, "abc");
  });

  test.each(["0\n\r\n", "0\r\n\n", "0\r\n\rX", "0\r\r\n", "-0\r\n\r\n", "0 \r\n\r\n", "0\r\n \r\n"])(
    "an end that is none is refused: %j",
    (end) => {
      expectFault(`3\r\nabc\r\n${end}`, "abc");
    },
  );

  test.each([
    "",
    "3",
    "3\r",
    "3\r\n",
    "3\r\nab",
    "3\r\nabc",
    "3\r\nabc\r\n",
    "3\r\nabc\r\n0\r\n",
    "0\r\n\r",
    "0\r\nX: 1\r\n",
  ])("%j are not whole", (text) => {
    for (const size of [1, 2, 100]) expect(decode("chunked", text, size)).toMatchObject({ behind: -1 });
    expect(decode("chunked", text, 1)).not.toHaveProperty("code");
  });
});

describe("the limits of chunks", () => {
  test("a size is at most what JavaScript can count", () => {
    for (const size of [1, 100])
      expect(decode("chunked", "1FFFFFFFFFFFFF\r\nabc", size)).toEqual({ content: "abc", behind: -1 });
    expectFault("20000000000000\r\nabc");
    expectFault("FFFFFFFFFFFFFFFF\r\nabc");
    expectFault("10000000000000003\r\nabc");
  });

  test("a size has at most 16 digits, zeros or not", () => {
    expectFault(`${"0".repeat(17)}3\r\nabc\r\n${END}`);
  });

  test("extensions have at most 16 KiB, of all chunks together", () => {
    // With the CR behind them.
    const half = (bytes: number) => `1;${"a".repeat(bytes - 1)}\r\na\r\n`;
    expectBody(half(8192) + half(8192) + END, "aa");
    expectFault(half(8192) + half(8193), "a");
  });

  test("trailers have those of a head", () => {
    const limits = { headBytes: 19, headers: 2 };
    const fits = "0\r\nX-A: 12\r\nY: 345\r\n\r\n";
    const outcome = (text: string, size: number) => decode("chunked", text, size, 0, limits);
    for (const size of [1, 5, 100]) {
      expect(outcome(fits.replace("345", "3456"), size).code).toBe("WIRE_HEAD_TOO_LARGE");
      expect(outcome(fits, size)).toEqual({ content: "", behind: fits.length });
      expect(outcome("0\r\nA: 1\r\nB: 1\r\nC: 1\r\n\r\n", size).code).toBe("WIRE_HEAD_TOO_LARGE");
    }
  });
});
