/** Lets connections wait until the event loop has looked at its sockets: one turn for all that wait in it. */

export interface Polled {
  /** All that had come for the sockets of this thread before this turn has been read by now. */
  polled(): void;
}

let waiting: Polled[] = [];

/** Calls `polled` in the check phase that comes next, which stands behind the one that reads sockets. */
export function afterPoll(connection: Polled): void {
  // An immediate that holds the process: one that does not lets the loop sleep.
  if (waiting.push(connection) === 1) setImmediate(tell);
}

function tell(): void {
  const told = waiting;
  waiting = [];
  let count = 0;
  try {
    for (const connection of told) {
      count += 1;
      connection.polled();
    }
  } finally {
    // One handler that throws must not be the end of the others' requests.
    for (const connection of told.slice(count)) afterPoll(connection);
  }
}
