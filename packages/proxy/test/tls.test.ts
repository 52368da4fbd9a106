import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { connect as connectTcp, createServer, type AddressInfo } from "node:net";
import { Duplex } from "node:stream";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";
import {
  compileSnapshot,
  createProxy,
  createUpstreams,
  DefinitionError,
  type GatewayDefinition,
  type ListenerDefinition,
  type ListenerTls,
  type Observer,
  type RequestRecord,
  type TlsMaterial,
} from "@keybearer/proxy";
import { createAuthority, hasOpenssl, type Authority, type Pair } from "@keybearer/simulator/authority";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { answering, host, route } from "./definitions.ts";
import { engineUnderTest } from "./engine-under-test.ts";
import { requestBytes } from "./raw-client.ts";

let authority: Authority;
let pairs: Record<"a" | "b" | "wild" | "client" | "stranger", Pair>;
beforeAll(() => {
  if (!hasOpenssl) return;
  authority = createAuthority();
  pairs = {
    a: authority.sign("a.test"),
    b: authority.sign("b.test"),
    wild: authority.sign("*.wild.test"),
    client: authority.sign("a client"),
    stranger: createAuthority("another authority").sign("a stranger"),
  };
});

interface Front {
  readonly port: number;
  readonly failures: string[];
  readonly records: RequestRecord[];
  readonly open: () => number;
  /** Another certificate, from the next connection on. */
  put(id: string, material: TlsMaterial): void;
  newTicketKey(): void;
  /** Another config on the same port. */
  swap(...listeners: readonly ListenerDefinition[]): void;
  close(deadlineMs: number): Promise<void>;
}

function listener(name: string, hostname: string | undefined, tls: Partial<ListenerTls> | undefined) {
  const definition = { name, hostname, routes: [answering(name)] };
  return tls ? { ...definition, tls: { id: name, clientCertificates: false, ...tls } } : definition;
}

async function front(
  listeners: readonly ListenerDefinition[],
  materials: Readonly<Record<string, TlsMaterial>>,
  { ticketKey = Buffer.alloc(32, 1) } = {},
): Promise<Front> {
  const table = new Map(Object.entries(materials));
  let key: Uint8Array = ticketKey;
  const upstreams = createUpstreams();
  const compile = (some: readonly ListenerDefinition[]) => {
    const definition: GatewayDefinition = { binds: [{ name: "bind/0", port: 0, listeners: some }] };
    const tls = { material: (id: string) => table.get(id), ticketKey: () => key };
    return compileSnapshot(definition, { providers: [], credential: () => undefined, upstreams, tls });
  };
  const failures: string[] = [];
  const records: RequestRecord[] = [];
  let open = 0;
  const observer: Observer = {
    finished: (record) => void records.push(record),
    connectionOpened: () => void open++,
    connectionClosed: () => void open--,
    handshakeFailed: () => undefined,
    limited: () => undefined,
    debug: (_, { reason }) => void failures.push(String(reason)),
    debugEnabled: true,
    fault: (error) => {
      throw error;
    },
  };
  const proxy = createProxy({ observer, snapshot: compile(listeners), engine: engineUnderTest });
  const { port } = await proxy.listen({ name: "bind/0", port: 0, address: "127.0.0.1", listeners });
  onTestFinished(async () => {
    await proxy.close(0);
    await upstreams.close();
    await vi.waitFor(() => expect(open).toBe(0));
  });
  return {
    port,
    failures,
    records,
    open: () => open,
    put: (id, material) => void table.set(id, material),
    newTicketKey: () => (key = Buffer.alloc(32, 2)),
    swap: (...next) => proxy.swap(compile(next)),
    close: (deadlineMs) => proxy.close(deadlineMs),
  };
}

/** Resolves when the handshake is over, rejects when it fails. */
async function shake(
  { port }: Pick<Front, "port">,
  servername: string,
  more: ConnectionOptions = {},
  onSession: (session: Buffer) => void = () => undefined,
): Promise<TLSSocket> {
  const socket = connect({ port, host: "127.0.0.1", servername, ca: authority.ca, ...more });
  onTestFinished(() => void socket.destroy());
  socket.on("session", onSession);
  await once(socket, "secureConnect");
  return socket;
}

/** Status and body of the next answer. */
async function ask(socket: TLSSocket, host: string, path = "/"): Promise<string> {
  socket.write(requestBytes({ host, path }));
  return answerOn(socket);
}

async function answerOn(socket: TLSSocket): Promise<string> {
  let text = "";
  for await (const [chunk] of chunksOf(socket)) {
    text += String(chunk);
    const [, status, length, body = ""] =
      /^HTTP\/1\.1 (\d+)[^]*?content-length: (\d+)[^]*?\r\n\r\n([^]*)$/i.exec(text) ?? [];
    if (length !== undefined && body.length >= Number(length)) return `${status} ${body}`;
  }
  throw new Error(`the connection ended: ${text}`);
}

async function* chunksOf(socket: TLSSocket): AsyncGenerator<[Buffer]> {
  for (;;) {
    const [chunk] = (await Promise.race([once(socket, "data"), once(socket, "close").then(() => [undefined])])) as [
      Buffer | undefined,
    ];
    if (chunk === undefined) return;
    yield [chunk];
  }
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

/** What the handshake, or the first request, ends with where the server does not let the client in. */
async function refusal(bed: Front, servername: string, more: ConnectionOptions = {}): Promise<string> {
  try {
    const socket = await shake(bed, servername, more);
    return await ask(socket, servername);
  } catch (error) {
    return codeOf(error);
  }
}

describe.skipIf(!hasOpenssl)("a listener with TLS (skipped without openssl)", () => {
  test("serves with its certificate, and speaks HTTP/1.1 alone", async () => {
    const bed = await front([listener("a", undefined, {})], { a: pairs.a });
    const socket = await shake(bed, "a.test", { ALPNProtocols: ["h2", "http/1.1"] });
    expect([socket.authorized, socket.alpnProtocol, socket.getProtocol()]).toEqual([true, "http/1.1", "TLSv1.3"]);
    expect(await ask(socket, "a.test")).toBe("200 a");
    expect(await ask(socket, "a.test:8443")).toBe("200 a");
    expect(bed.records[0]).toMatchObject({ listener: "a", clientAddress: expect.stringMatching(/^127\.0\.0\.1:\d+$/) });
    expect(bed.failures).toEqual([]);
    expect(await refusal(bed, "a.test", { ALPNProtocols: ["h2"] })).toMatch(
      /ERR_SSL_(?:TLSV1_ALERT_)?NO_APPLICATION_PROTOCOL/,
    );
  });

  test("is chosen by the name that the client asks for: exact, longest wildcard, the one without a hostname", async () => {
    const bed = await front(
      [
        listener("rest", undefined, {}),
        listener("wild", "*.wild.test", {}),
        listener("a", "a.test", {}),
        listener("deep", "*.deep.wild.test", {}),
      ],
      { rest: pairs.b, wild: pairs.wild, a: pairs.a, deep: pairs.b },
    );
    const served = async (name: string) => {
      const socket = await shake(bed, name, { checkServerIdentity: () => undefined });
      return [await ask(socket, name || "anything"), socket.getPeerX509Certificate()?.subjectAltName];
    };
    expect(await served("a.test")).toEqual(["200 a", "DNS:a.test"]);
    expect(await served("A.Test")).toEqual(["200 a", "DNS:a.test"]);
    expect(await served("one.wild.test")).toEqual(["200 wild", "DNS:*.wild.test"]);
    expect(await served("one.deep.wild.test")).toEqual(["200 deep", "DNS:b.test"]);
    expect(await served("elsewhere.test")).toEqual(["200 rest", "DNS:b.test"]);
    expect(await served("")).toEqual(["200 rest", "DNS:b.test"]);
  });

  test("a name that no listener has ends with an alert", async () => {
    const bed = await front([listener("a", "a.test", {})], { a: pairs.a });
    expect(await refusal(bed, "b.test")).toMatch(/UNRECOGNIZED_NAME/);
    expect(await refusal(bed, "")).toMatch(/UNRECOGNIZED_NAME/);
    expect(bed.failures).toEqual(["TLS_UNRECOGNIZED_NAME", "TLS_UNRECOGNIZED_NAME"]);
  });

  test("serves its own hosts alone: another listener's is 421, and the connection ends", async () => {
    const bed = await front([listener("a", "a.test", {}), listener("b", "b.test", {})], { a: pairs.a, b: pairs.b });
    for (const host of ["b.test", "nobody.test"]) {
      const socket = await shake(bed, "a.test");
      const closed = once(socket, "close");
      expect(await ask(socket, host)).toMatch(/^421 .*misdirected_request/);
      await closed;
    }
    const socket = await shake(bed, "a.test");
    expect(await ask(socket, "a.test", "https://b.test/")).toMatch(/^421 /);
    expect(bed.records).toHaveLength(3);
    for (const { listener, route, errorCode } of bed.records)
      expect([listener, route, errorCode]).toEqual([undefined, undefined, "misdirected_request"]);
  });

  test("asks for a client certificate where it has a root, and no other listener does", async () => {
    const bed = await front([listener("a", "a.test", { clientCertificates: true }), listener("b", "b.test", {})], {
      // Several, as in a bundle: more than node takes to derive a key for.
      a: { ...pairs.a, root: createAuthority("others").ca.repeat(3) + authority.ca },
      b: pairs.b,
    });
    expect(await refusal(bed, "a.test", pairs.client)).toBe("200 a");
    expect(await refusal(bed, "b.test")).toBe("200 b");
    expect(bed.failures).toEqual([]);
    expect(await refusal(bed, "a.test")).not.toMatch(/^200/);
    expect(await refusal(bed, "a.test", pairs.stranger)).not.toMatch(/^200/);
    await vi.waitFor(() =>
      expect(bed.failures).toEqual(["ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", "TLS_HANDSHAKE_CLOSED"]),
    );
    expect(bed.records.map(({ listener }) => listener)).toEqual(["a", "b"]);
  });

  test("takes no version and no cipher but those that it is told to", async () => {
    const bed = await front(
      [
        listener("a", "a.test", { minVersion: "TLSv1.3" }),
        listener("b", "b.test", { maxVersion: "TLSv1.2", ciphers: ["ECDHE-ECDSA-AES128-GCM-SHA256"] }),
      ],
      { a: pairs.a, b: pairs.b },
    );
    expect(await refusal(bed, "a.test", { maxVersion: "TLSv1.2" })).toMatch(/PROTOCOL_VERSION/);
    const socket = await shake(bed, "b.test");
    expect([socket.getProtocol(), socket.getCipher().name]).toEqual(["TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"]);
    expect(await refusal(bed, "b.test", { ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384" })).toMatch(/HANDSHAKE_FAILURE/);
  });

  test("speaks no version of which it is told no cipher", async () => {
    const bed = await front(
      [
        listener("a", "a.test", { ciphers: ["ECDHE-ECDSA-AES128-GCM-SHA256"] }),
        listener("b", "b.test", { ciphers: ["TLS_AES_128_GCM_SHA256"] }),
      ],
      { a: pairs.a, b: pairs.b },
    );
    expect((await shake(bed, "a.test")).getProtocol()).toBe("TLSv1.2");
    expect(await refusal(bed, "a.test", { minVersion: "TLSv1.3" })).toMatch(/PROTOCOL_VERSION/);
    expect((await shake(bed, "b.test")).getCipher().name).toBe("TLS_AES_128_GCM_SHA256");
    expect(await refusal(bed, "b.test", { maxVersion: "TLSv1.2" })).toMatch(/PROTOCOL_VERSION/);
    const none = { maxVersion: "TLSv1.2", ciphers: ["TLS_AES_128_GCM_SHA256"] } as const;
    await expect(front([listener("a", undefined, none)], { a: pairs.a })).rejects.toThrow("no cipher suite belongs to");
  });

  test("takes no key of another kind for that of its certificate", async () => {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const another = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    await expect(front([listener("a", undefined, {})], { a: { cert: pairs.a.cert, key: another } })).rejects.toThrow(
      "the private key is not that of the certificate",
    );
    const bed = await front([listener("a", undefined, {})], { a: pairs.a });
    bed.put("a", { cert: pairs.a.cert, key: another });
    expect(await refusal(bed, "a.test")).toBe("200 a");
  });

  test("takes no cipher without forward secrecy or authentication of what it encrypts, unless told to", async () => {
    const bed = await front([listener("a", undefined, {})], { a: pairs.a });
    const old = { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA" } as const;
    expect(await refusal(bed, "a.test", old)).toMatch(/HANDSHAKE_FAILURE/);
  });

  test("does not shake hands again on a connection", async () => {
    const bed = await front([listener("a", undefined, {})], { a: pairs.a });
    const socket = await shake(bed, "a.test", { maxVersion: "TLSv1.2" });
    const refused = once(socket, "error");
    socket.renegotiate({}, () => undefined);
    expect(codeOf((await refused)[0])).toMatch(/RENEGOTIATION/);
  });

  test("shows a new certificate to new connections, and keeps the open ones", async () => {
    const bed = await front([listener("a", undefined, {})], { a: pairs.a });
    const before = await shake(bed, "a.test");
    bed.put("a", { cert: pairs.a.cert, key: pairs.b.key });
    expect(await refusal(bed, "a.test")).toBe("200 a");
    bed.put("a", pairs.b);
    expect(await refusal(bed, "b.test")).toBe("200 a");
    expect(await refusal(bed, "a.test")).toMatch(/ERR_TLS_CERT_ALTNAME_INVALID/);
    expect(await ask(before, "a.test")).toBe("200 a");
  });
});

describe.skipIf(!hasOpenssl)("a session (skipped without openssl)", () => {
  /** With a session to resume, of the server's making. */
  async function begin(bed: Front, servername: string, more: ConnectionOptions = {}): Promise<Buffer> {
    const sessions: Buffer[] = [];
    const socket = await shake(bed, servername, more, (session) => sessions.push(session));
    await ask(socket, servername);
    await vi.waitFor(() => expect(sessions.length).toBeGreaterThan(0));
    return sessions.at(-1)!;
  }
  async function resumes(bed: Front, servername: string, more: ConnectionOptions): Promise<boolean | string> {
    try {
      const socket = await shake(bed, servername, more);
      expect(await ask(socket, servername)).toMatch(/^200/);
      return socket.isSessionReused();
    } catch (error) {
      return codeOf(error);
    }
  }

  test.each(["TLSv1.2", "TLSv1.3"] as const)(
    "is resumed on any port with the same ticket key (%s)",
    async (version) => {
      const versions = { minVersion: version, maxVersion: version };
      const [one, two] = [
        await front([listener("a", undefined, {})], { a: pairs.a }),
        await front([listener("a", undefined, {})], { a: pairs.a }),
      ];
      const other = await front([listener("a", undefined, {})], { a: pairs.a }, { ticketKey: Buffer.alloc(32, 9) });
      const session = await begin(one, "a.test", versions);
      expect(await resumes(two, "a.test", { ...versions, session })).toBe(true);
      expect(await resumes(other, "a.test", { ...versions, session })).toBe(false);
      one.newTicketKey();
      expect(await resumes(one, "a.test", { ...versions, session })).toBe(false);
    },
  );

  test.each(["TLSv1.2", "TLSv1.3"] as const)("of one listener is none of another's (%s)", async (version) => {
    const versions = { minVersion: version, maxVersion: version };
    const bed = await front([listener("a", "a.test", { clientCertificates: true }), listener("b", "b.test", {})], {
      a: { ...pairs.a, root: authority.ca },
      b: pairs.b,
    });
    const open = await begin(bed, "b.test", versions);
    expect(await resumes(bed, "a.test", { ...versions, session: open })).not.toBe(true);
    expect(await resumes(bed, "a.test", { ...versions, ...pairs.client, session: open })).toBe(false);
    expect(await resumes(bed, "b.test", { ...versions, session: open })).toBe(true);
    expect(bed.records.filter(({ listener }) => listener === "a")).toHaveLength(1);
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)("of an open port opens none that asks for more (%s)", async (version) => {
    const versions = { minVersion: version, maxVersion: version };
    const material = { a: { ...pairs.a, root: authority.ca } };
    const open = await front([listener("a", "a.test", {})], material);
    const closed = await front([listener("a", "a.test", { clientCertificates: true })], material);
    const session = await begin(open, "a.test", versions);
    expect(await resumes(closed, "a.test", { ...versions, ...pairs.client, session })).toBe(false);
    expect(await resumes(closed, "a.test", { ...versions, session })).not.toBe(true);
    expect(closed.records).toHaveLength(1);
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)("is not given to a client that is refused (%s)", async (version) => {
    const bed = await front([listener("a", "a.test", { clientCertificates: true })], {
      a: { ...pairs.a, root: authority.ca },
    });
    const versions = { minVersion: version, maxVersion: version };
    const sessions: Buffer[] = [];
    const keep = (session: Buffer): void => void sessions.push(session);
    const stranger = await shake(bed, "a.test", { ...versions, ...pairs.stranger }, keep).catch(() => undefined);
    if (stranger && !stranger.destroyed) await once(stranger.resume(), "close");
    await vi.waitFor(() => expect(bed.failures).toHaveLength(1));
    expect([sessions, bed.records]).toEqual([[], []]);
  });

  test.each(["TLSv1.2", "TLSv1.3"] as const)(
    "ends with the authority that vouched for the client (%s)",
    async (version) => {
      const versions = { minVersion: version, maxVersion: version };
      const bed = await front([listener("a", "a.test", { clientCertificates: true })], {
        a: { ...pairs.a, root: authority.ca },
      });
      const session = await begin(bed, "a.test", { ...versions, ...pairs.client });
      expect(await resumes(bed, "a.test", { ...versions, ...pairs.client, session })).toBe(true);
      bed.put("a", { ...pairs.a, root: createAuthority("the next").ca });
      expect(await resumes(bed, "a.test", { ...versions, ...pairs.client, session })).not.toBe(true);
      expect(bed.records).toHaveLength(2);
    },
  );
});

describe.skipIf(!hasOpenssl)("another config on an open port (skipped without openssl)", () => {
  test("asks for certificates from now on: open connections without one are not served", async () => {
    const bed = await front([listener("a", "a.test", {})], { a: { ...pairs.a, root: authority.ca } });
    const socket = await shake(bed, "a.test");
    expect(await ask(socket, "a.test")).toBe("200 a");
    bed.swap(listener("a", "a.test", { clientCertificates: true }));
    expect(await ask(socket, "a.test")).toMatch(/^421 /);
    expect(await refusal(bed, "a.test", pairs.client)).toBe("200 a");
  });

  test("goes over to TLS and back: connections of the other kind are not served", async () => {
    const bed = await front([listener("plain", undefined, undefined)], { a: pairs.a });
    const plain = connectTcp(bed.port, "127.0.0.1");
    onTestFinished(() => void plain.destroy());
    const next = async () => String((await once(plain.setEncoding("latin1"), "data"))[0]);
    plain.write(requestBytes({ host: "a.test" }));
    expect(await next()).toMatch(/^HTTP\/1\.1 200 /);
    bed.swap(listener("a", undefined, {}));
    plain.write(requestBytes({ host: "a.test" }));
    expect(await next()).toMatch(/^HTTP\/1\.1 421 /);
    const secure = await shake(bed, "a.test");
    expect(await ask(secure, "a.test")).toBe("200 a");
    bed.swap(listener("plain", undefined, undefined));
    expect(await ask(secure, "a.test")).toMatch(/^421 /);
  });
});

describe.skipIf(!hasOpenssl)("a client that does not get in (skipped without openssl)", () => {
  async function bed(): Promise<Front> {
    return front([listener("a", undefined, {})], { a: pairs.a });
  }

  test.each([
    ["speaks HTTP in clear text", "GET / HTTP/1.1\r\nhost: a.test\r\n\r\n"],
    ["sends noise", Buffer.alloc(100, 7)],
    ["begins with an alert", Buffer.of(21, 3, 3, 0, 2, 2, 0)],
    ["sends empty records for ever", Buffer.from("160303000016030300001603030000", "hex")],
    ["announces more than any message has", Buffer.from("16030100040100ffff", "hex")],
  ])("because it %s hears an alert, and nobody else notices", async (_, bytes) => {
    const open = await bed();
    const client = connectTcp(open.port, "127.0.0.1");
    const closed = once(client, "close");
    client.write(bytes);
    const [answer] = (await once(client, "data")) as [Buffer];
    expect([...answer]).toEqual([21, 3, 3, 0, 2, 2, 50]);
    expect(open.failures).toEqual(["TLS_NO_CLIENT_HELLO"]);
    expect(await refusal(open, "a.test")).toBe("200 a");
    await closed;
  });

  test("because it leaves in the middle is counted once, and one that never said a word is not", async () => {
    const open = await bed();
    for (const bytes of ["", Buffer.from("160301", "hex")]) {
      const client = connectTcp(open.port, "127.0.0.1");
      await once(client, "connect");
      client.end(bytes);
      await once(client.resume(), "close");
    }
    await vi.waitFor(() => expect(open.failures).toEqual(["TLS_HANDSHAKE_CLOSED"]));
    expect(open.open()).toBe(0);
  });

  test("because it has nothing to say is cut when its time is over", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const open = await bed();
    const client = connectTcp(open.port, "127.0.0.1");
    onTestFinished(() => void client.destroy());
    await once(client, "connect");
    // Until the server has seen it, too.
    while (vi.getTimerCount() === 0) await new Promise((resolve) => setImmediate(resolve));
    const closed = once(client.resume(), "close");
    vi.advanceTimersByTime(10_000);
    await closed;
    expect(open.failures).toEqual(["TLS_HANDSHAKE_TIMEOUT"]);
  });

  test("keeps no stop waiting, and neither does one that is in and silent", async () => {
    const open = await bed();
    const clients = [connectTcp(open.port, "127.0.0.1"), await shake(open, "a.test")];
    const gone = Promise.all(clients.map((client) => once(client.resume(), "close")));
    await open.close(60_000);
    await gone;
    expect(open.failures).toEqual([]);
  });
});

test.skipIf(!hasOpenssl)(
  "an answer that breaks off is reset for HTTP/1.0, as without TLS (skipped without openssl)",
  async () => {
    const upstream = createServer((socket) => {
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
        setImmediate(() => socket.destroy());
      });
    }).listen(0, "127.0.0.1");
    await once(upstream, "listening");
    onTestFinished(() => void upstream.close());
    const { port } = upstream.address() as AddressInfo;
    const routes = [route({ backends: [host({ host: `127.0.0.1:${port}` })] })];
    const bed = await front([{ ...listener("a", undefined, {}), routes }], { a: pairs.a });
    const socket = await shake(bed, "a.test");
    socket.write("GET / HTTP/1.0\r\nhost: a.test\r\n\r\n");
    const [error] = (await once(socket.resume(), "error")) as [unknown];
    expect(codeOf(error)).toBe("ECONNRESET");
  },
);

test.skipIf(!hasOpenssl)("a hello that comes byte by byte is heard (skipped without openssl)", async () => {
  const bed = await front([listener("a", "a.test", {})], { a: pairs.a });
  const raw = connectTcp(bed.port, "127.0.0.1").setNoDelay(true);
  await once(raw, "connect");
  const slow = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _, done) {
      const bytes = [...chunk];
      const step = (): void => {
        const byte = bytes.shift();
        if (byte === undefined) done();
        else raw.write(Buffer.of(byte), () => setImmediate(step));
      };
      step();
    },
  });
  raw.on("data", (chunk: Buffer) => slow.push(chunk));
  const socket = connect({ socket: slow, servername: "a.test", ca: authority.ca });
  onTestFinished(() => void raw.destroy());
  await once(socket, "secureConnect");
  expect(await ask(socket, "a.test")).toBe("200 a");
});

test.skipIf(!hasOpenssl)("a certificate that cannot be used is no definition (skipped without openssl)", () => {
  const upstreams = createUpstreams();
  const compile = (listeners: readonly ListenerDefinition[], material: TlsMaterial | undefined) => () =>
    compileSnapshot(
      { binds: [{ name: "bind/0", port: 0, listeners }] },
      {
        providers: [],
        credential: () => undefined,
        upstreams,
        tls: { material: () => material, ticketKey: () => Buffer.alloc(32) },
      },
    );
  const invalid = expect.objectContaining({ code: "INVALID_TLS" });
  const one = [listener("a", undefined, {})];
  expect(compile(one, { cert: pairs.a.cert, key: pairs.b.key })).toThrow(DefinitionError);
  expect(compile(one, undefined)).toThrow(invalid);
  expect(compile(one, { cert: "", key: "" })).toThrow(invalid);
  expect(compile([...one, listener("b", "b.test", undefined)], pairs.a)).toThrow(invalid);
  expect(compile([listener("a", undefined, { clientCertificates: true })], pairs.a)).toThrow(invalid);
});
