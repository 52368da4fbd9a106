/** The tests that are the same in both directions. */
import { randomInt } from "node:crypto";
import { describe, expect, test } from "vitest";
import { compareCorpus, CORPUS, fuzz } from "./campaign.ts";
import { compare, READERS, type Direction, type Read } from "./compare.ts";
import { ordinary } from "./messages.ts";
import { mutate } from "./mutate.ts";
import { askClient, askServer, expectedOfClient, expectedOfServer } from "./node-http.ts";
import { Random } from "./random.ts";
import type { Case, Reading } from "./reading.ts";

const CASES = 2000;
const CASES_FOR_NODE = 400;
const SEED = 1;

export function fuzzTests(direction: Direction): void {
  describe(direction, () => {
    test("of the corpus are to llhttp what they are to wire, in pieces too", () => {
      expect(compareCorpus(direction).differences).toEqual([]);
    });

    test.each([
      ["of a fixed seed", SEED],
      ["of a new seed each time", randomInt(1, 2 ** 31)],
    ])("%s are to llhttp what they are to wire, in pieces too", (_name, seed) => {
      const { differences, accepted } = fuzz({ direction, seed, cases: CASES });
      expect(differences).toEqual([]);
      // Else nothing was compared.
      expect(accepted).toBeGreaterThan(CASES / 5);
    });

    test("that end a byte sooner or later to wire are found", () => {
      const random = new Random(SEED);
      const given = direction === "requests" ? CHUNKED_REQUEST : CHUNKED_RESPONSE;
      for (const wrong of wrongReaders(READERS[direction].wire)) {
        const { difference } = compare(direction, given, random, { ...READERS[direction], wire: wrong });
        expect(difference).toBeDefined();
      }
      expect(compare(direction, given, random).difference).toBeUndefined();
    });

    test("are to node:http what they are to its parser alone", async () => {
      const random = new Random(SEED);
      const generated = random.list(CASES_FOR_NODE, () => {
        const given = ordinary(direction, random);
        return random.chance(0.5) ? given : { ...given, bytes: mutate(given.bytes, random) };
      });
      for (const given of [...CORPUS[direction], ...generated].filter(staysHttp)) {
        const reading = READERS[direction].llhttp(given);
        const expected = direction === "requests" ? expectedOfServer(reading) : expectedOfClient(reading);
        const told = await (direction === "requests" ? askServer : askClient)(given, expected);
        expect(told, given.bytes).toEqual(expected);
      }
    });
  });
}

const BODY = "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
const CHUNKED_REQUEST = { bytes: `POST / HTTP/1.1\r\nHost: a\r\n${BODY}GET / HTTP/1.1\r\nHost: a\r\n\r\n` };
const CHUNKED_RESPONSE = { bytes: `HTTP/1.1 200 OK\r\n${BODY}HTTP/1.1 204 None\r\n\r\n` };

/** Wire as it must not be. */
function wrongReaders(read: Read): Read[] {
  const changed =
    (change: (reading: Reading) => void): Read =>
    (given, cuts) => {
      const reading = structuredClone(read(given, cuts));
      change(reading);
      return reading;
    };
  const first = ({ messages }: Reading) => messages[0] ?? expect.fail("no message");
  return [
    changed((reading) => (first(reading).end -= 1)),
    changed((reading) => (first(reading).end += 1)),
    changed((reading) => Object.assign(first(reading), { headEnd: first(reading).headEnd - 1 })),
    changed((reading) => (first(reading).body += "d")),
    changed((reading) => (first(reading).body = "")),
    changed((reading) => Object.assign(first(reading), { line: "other" })),
    changed((reading) => Object.assign(first(reading), { headers: ["other", ""] })),
    changed((reading) => Object.assign(reading, { messages: reading.messages.slice(0, 1) })),
    (given, cuts = []) => (cuts.length === 0 ? read(given) : { ...read(given, cuts), end: "WIRE_OTHER" }),
  ];
}

/** What becomes of a connection that leaves HTTP is node's own affair. */
function staysHttp({ bytes }: Case): boolean {
  return !/upgrade|CONNECT |HTTP\/1.. 101|RTSP\/|ICE\//i.test(bytes);
}
