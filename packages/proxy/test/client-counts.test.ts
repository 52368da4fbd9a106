import { expect, test } from "vitest";
import { ClientCounts, clientOf } from "../src/downstream/client-counts.ts";

test.each([
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
  ["2001:db8::9", "2001:db8:0:0::/64"],
  ["2001:db8:1::", "2001:db8:1:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["::", "0:0:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
])("%s is a connection of %s", (address, client) => {
  expect(clientOf(address)).toBe(client);
});

test("what has left makes room, for all and for its client", () => {
  const counts = new ClientCounts();
  const limits = { connections: 3, connectionsPerClient: 2 };
  expect([counts.enter("a", limits), counts.enter("a", limits)]).toEqual([undefined, undefined]);
  expect(counts.enter("a", limits)).toBe("connections_per_client");
  expect(counts.enter("b", limits)).toBe(undefined);
  expect(counts.enter("c", limits)).toBe("connections");
  counts.leave("a");
  expect(counts.enter("a", limits)).toBe(undefined);
});
