/** Whether this is a Node that the gateway is made for. */
import type { Finding } from "./finding.ts";

const NEEDED = [22, 19] as const;

/** `22.19.0`. */
export function nodeFindings(version: string): Finding[] {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const fix = "install the newest Node with an even first number";
  if (major < NEEDED[0] || (major === NEEDED[0] && minor < NEEDED[1])) {
    const message = `Node ${version} lacks what the gateway needs: it takes ${NEEDED.join(".")} or newer`;
    return [{ severity: "error", code: "NODE_TOO_OLD", message, fix }];
  }
  if (major % 2 === 0) return [];
  const message = `Node ${version} has an odd first number: such a line gets security fixes for some months only`;
  return [{ severity: "warning", code: "NODE_SHORT_LIVED", message, fix }];
}
