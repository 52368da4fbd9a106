/** The clients of the benchmark, a process of their own; what they cost is not counted. */
import { Connection } from "./connection.ts";
import type { LoadCommand, LoadReply, Target } from "./contract.ts";

let connections: Connection[] = [];
let faults: Record<string, number> = {};
let onAnswer: (connection: Connection, complete: boolean) => void = () => undefined;
let onFault: () => void = () => undefined;

process.on("message", (command: LoadCommand) => void run(command));
process.on("disconnect", () => process.exit());
tell({});

async function run(command: LoadCommand): Promise<void> {
  const start = performance.now();
  const result = await act(command).catch((error: unknown) => {
    note(String(error));
    return {};
  });
  tell({ ...result, seconds: (performance.now() - start) / 1_000, faults });
  faults = {};
}

function act(command: LoadCommand): Promise<Partial<LoadReply>> {
  switch (command.kind) {
    case "open":
      return open(command.target);
    case "closedLoop":
      return closedLoop(command.seconds, command.atLeast);
    case "paced":
      return paced(command.seconds, command.requestsPerSecond);
    case "hold":
      return hold();
    case "close":
      return close();
  }
}

async function open(target: Target): Promise<Partial<LoadReply>> {
  const listener = {
    onAnswer: (connection: Connection, complete: boolean) => onAnswer(connection, complete),
    onFault(connection: Connection, reason: string) {
      note(reason);
      connections = connections.filter((each) => each !== connection);
      onFault();
    },
  };
  connections = await Promise.all(Array.from({ length: target.connections }, () => Connection.open(target, listener)));
  return {};
}

async function closedLoop(seconds: number, atLeast: number): Promise<Partial<LoadReply>> {
  const end = performance.now() + seconds * 1_000;
  let answers = 0;
  await new Promise<void>((resolve) => {
    onFault = () => {
      if (connections.every(({ busy }) => !busy)) resolve();
    };
    onAnswer = (connection, complete) => {
      if (!complete) return;
      answers++;
      if (answers < atLeast || performance.now() < end) connection.send();
      else onFault();
    };
    for (const connection of connections) connection.send();
    onFault();
  });
  return { answers };
}

async function paced(seconds: number, requestsPerSecond: number): Promise<Partial<LoadReply>> {
  const latencies: number[] = [];
  const total = seconds * requestsPerSecond;
  const start = performance.now();
  let sent = 0;
  await new Promise<void>((resolve) => {
    onFault = () => {
      if (sent >= total && connections.every(({ busy }) => !busy)) resolve();
    };
    onAnswer = (connection, complete) => {
      if (!complete) return;
      latencies.push((performance.now() - connection.sentAt) * 1_000);
      onFault();
    };
    const timer = setInterval(() => {
      const due = Math.min(total, ((performance.now() - start) / 1_000) * requestsPerSecond);
      for (; sent < due; sent++) {
        const free = connections.find(({ busy }) => !busy);
        if (free) free.send();
        else note("no connection is free: the subject cannot keep up");
      }
      if (sent >= total) clearInterval(timer);
      onFault();
    }, 1);
  });
  return { answers: latencies.length, latenciesUs: Float64Array.from(latencies) };
}

async function hold(): Promise<Partial<LoadReply>> {
  const waiting = new Set(connections);
  await new Promise<void>((resolve) => {
    onFault = resolve;
    onAnswer = (connection) => {
      waiting.delete(connection);
      if (waiting.size === 0) resolve();
    };
    for (const connection of connections) connection.send();
  });
  return { answers: connections.length - waiting.size };
}

async function close(): Promise<Partial<LoadReply>> {
  for (const connection of connections) connection.close();
  connections = [];
  return {};
}

function note(fault: string): void {
  faults[fault] = (faults[fault] ?? 0) + 1;
}

function tell(reply: Partial<LoadReply>): void {
  process.send?.({ answers: 0, seconds: 0, faults: {}, ...reply });
}
