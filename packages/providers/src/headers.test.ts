import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { HeaderList } from "./index.ts";

describe("a list of headers", () => {
  test("lower-cases raw names and leaves values alone", () => {
    const headers = HeaderList.from(["Content-Type", "Application/JSON", "X-A", "1", "x-a", "2"]);
    expect(headers.toFlat()).toEqual(["content-type", "Application/JSON", "x-a", "1", "x-a", "2"]);
    expect([headers.get("x-a"), headers.get("x-b"), headers.has("x-a")]).toEqual(["1", undefined, true]);
    expect(headers.values("x-a")).toEqual(["1", "2"]);
  });

  test("never takes a value for a name", () => {
    const headers = HeaderList.from(["a", "authorization", "authorization", "b"]);
    headers.delete("b");
    expect(headers.get("authorization")).toBe("b");
    headers.set("authorization", "c");
    expect(headers.toFlat()).toEqual(["a", "authorization", "authorization", "c"]);
  });

  test("hands out a copy", () => {
    const headers = HeaderList.from(["a", "1"]);
    headers.toFlat().push("b", "2");
    expect(headers.has("b")).toBe(false);
  });

  test("behaves as a plain list of pairs does", () => {
    const name = fc.constantFrom("a", "b", "c");
    const step = fc.oneof(
      fc.record({ act: fc.constantFrom("set", "append"), name, value: name }),
      fc.record({ act: fc.constant("delete"), name, value: name }),
    );
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const headers = new HeaderList();
        let pairs: [string, string][] = [];
        for (const { act, name: each, value } of steps) {
          if (act === "append") {
            headers.append(each, value);
            pairs.push([each, value]);
          } else if (act === "delete") {
            headers.delete(each);
            pairs = pairs.filter(([other]) => other !== each);
          } else {
            headers.set(each, value);
            const first = pairs.findIndex(([other]) => other === each);
            if (first === -1) pairs.push([each, value]);
            else pairs = pairs.flatMap((pair, i) => (i === first ? [[each, value]] : pair[0] === each ? [] : [pair]));
          }
        }
        expect([...headers]).toEqual(pairs);
        expect(headers.toFlat()).toEqual(pairs.flat());
      }),
    );
  });

  test("takes over those of another list that pass, in order, and tells whether one is there", () => {
    const headers = HeaderList.from(["B", "0"]);
    headers.appendFrom(HeaderList.from(["A", "1", "Drop", "2", "a", "3"]), (name) => name !== "drop");
    expect(headers.toFlat()).toEqual(["b", "0", "a", "1", "a", "3"]);
    expect(headers.some((name, value) => name === "a" && value === "3")).toBe(true);
    expect(headers.some((_, value) => value === "2")).toBe(false);
  });

  test("lower-cases names however many there are, and however long", () => {
    const names = Array.from({ length: 2000 }, (_, index) => `X-${"Long".repeat(index % 40)}-${index}`);
    for (const each of [...names, ...names]) {
      expect(HeaderList.from([each, ""]).toFlat()).toEqual([each.toLowerCase(), ""]);
    }
  });
});
