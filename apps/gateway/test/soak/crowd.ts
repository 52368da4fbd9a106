/** A process of its own, `crowd.ts PORT COUNT`: so many clients are answered once and stay connected until it is ended. */
import { connect } from "node:net";

const [port = 0, count = 0] = process.argv.slice(2).map(Number);
/** At once: more would overflow the gateway's backlog, and be tried again by the system a second later. */
const ARRIVING = 200;
const REQUEST = "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n";

let [begun, answered] = [0, 0];

function arrive(): void {
  if (begun === count) return;
  begun += 1;
  const socket = connect({ port, host: "127.0.0.1" }, () => socket.write(REQUEST));
  socket.once("data", () => {
    answered += 1;
    if (answered === count) console.log("open");
    arrive();
  });
  // The gateway alone decides how a connection ends; here any end is a failure.
  socket.on("error", (error) => fail(error.message));
  socket.on("close", () => fail("the gateway closed a connection"));
}

function fail(message: string): void {
  console.log(message);
  process.exit(1);
}

for (let clients = 0; clients < ARRIVING; clients++) arrive();
