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
});
