import { expect, test } from "vitest";
import { isMountPoint } from "./mounts.ts";

const mountinfo = `22 27 0:20 / /proc rw,nosuid - proc proc rw
812 27 254:1 /k/key.txt /etc/keybearer/key.txt rw,relatime - ext4 /dev/vda1 rw
813 27 254:1 /k /etc/my\\040keys/a\\134b.txt rw,relatime shared:7 - ext4 /dev/vda1 rw
`;

test.each([
  ["/etc/keybearer/key.txt", true],
  ["/etc/my keys/a\\b.txt", true],
  ["/etc/keybearer", false],
  ["/etc/keybearer/key.txt.old", false],
  ["rw,relatime", false],
])("%s is a mount: %s", (path, is) => {
  expect(isMountPoint(mountinfo, path)).toBe(is);
});

test("without mounts, nothing is one", () => {
  expect(isMountPoint("", "/etc/keybearer/key.txt")).toBe(false);
});
