/** A port that nothing listens on, and that no other test is given meanwhile. */
import { once } from "node:events";
import { createServer } from "node:net";

// Below what systems hand out for port 0: there, another test would soon be given the same.
const FIRST = 20_000;
const COUNT = 12_000;

export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * COUNT);
    const server = createServer().listen(port);
    const isFree = await once(server, "listening").then(
      () => true,
      () => false,
    );
    server.close();
    if (isFree) return port;
  }
}
