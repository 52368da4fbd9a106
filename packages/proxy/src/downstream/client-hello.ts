/** Which host a TLS client asks for, read from its first message (RFC 8446 section 4.1.2, RFC 6066 section 3). */

export type ClientHello =
  | {
      readonly kind: "hello";
      /** In lower case; undefined: the client names none. */
      readonly serverName: string | undefined;
    }
  /** More has to come. */
  | { readonly kind: "incomplete" }
  /** No TLS, or none that could be served. */
  | { readonly kind: "malformed" };

/** As much as one record may hold. Clients with post-quantum keys and many extensions send about 2 kB. */
export const MAX_HELLO_BYTES = 16 * 1024;

const RECORD_HEADER_BYTES = 5;
const HANDSHAKE_HEADER_BYTES = 4;
const HANDSHAKE = 22;
const CLIENT_HELLO = 1;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const RANDOM_BYTES = 32;
// Letters beyond ASCII come as punycode.
const HOST = /^[a-z0-9._-]{1,255}$/;

/** Of everything that a client has sent so far. Never throws. */
export function readClientHello(received: Uint8Array): ClientHello {
  const bytes = Buffer.from(received.buffer, received.byteOffset, received.byteLength);
  const message = handshakeBytes(bytes);
  if (message === undefined) return { kind: "malformed" };
  if (message.length > 0 && message[0] !== CLIENT_HELLO) return { kind: "malformed" };
  if (message.length < HANDSHAKE_HEADER_BYTES) return { kind: "incomplete" };
  const end = HANDSHAKE_HEADER_BYTES + message.readUIntBE(1, 3);
  if (end > MAX_HELLO_BYTES) return { kind: "malformed" };
  if (message.length < end) return { kind: "incomplete" };
  try {
    return { kind: "hello", serverName: serverNameIn(message.subarray(HANDSHAKE_HEADER_BYTES, end)) };
  } catch {
    return { kind: "malformed" };
  }
}

/** What the records carry; undefined: these are no handshake records. */
function handshakeBytes(bytes: Buffer): Buffer | undefined {
  const fragments: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes[at] !== HANDSHAKE || (bytes[at + 1] ?? 3) !== 3) return undefined;
    if (bytes.length - at < RECORD_HEADER_BYTES) break;
    const length = bytes.readUInt16BE(at + 3);
    // An empty one would be a way to send for ever.
    if (length === 0 || length > MAX_HELLO_BYTES) return undefined;
    at += RECORD_HEADER_BYTES;
    fragments.push(bytes.subarray(at, at + length));
    at += length;
  }
  return Buffer.concat(fragments);
}

/** Throws for a message that is not what it says. */
function serverNameIn(body: Buffer): string | undefined {
  const hello = new Reader(body);
  hello.take(2 + RANDOM_BYTES);
  hello.vector(1);
  hello.vector(2);
  hello.vector(1);
  if (hello.isAtEnd) return undefined;
  const extensions = hello.vector(2);
  while (!extensions.isAtEnd) {
    const type = extensions.number(2);
    const content = extensions.vector(2);
    if (type === SERVER_NAME) return hostIn(content.vector(2));
  }
  return undefined;
}

function hostIn(names: Reader): string | undefined {
  while (!names.isAtEnd) {
    const type = names.number(1);
    const name = names.vector(2);
    if (type !== HOST_NAME) continue;
    const host = name.rest().toString("latin1").toLowerCase();
    if (!HOST.test(host)) throw new RangeError("no host name");
    return host;
  }
  return undefined;
}

/** Takes what is there and throws where something is not. */
class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new RangeError("the message ends early");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  number(byteCount: number): number {
    return this.take(byteCount).readUIntBE(0, byteCount);
  }

  /** What stands behind its own length. */
  vector(lengthBytes: number): Reader {
    return new Reader(this.take(this.number(lengthBytes)));
  }

  rest(): Buffer {
    return this.take(this.#bytes.length - this.#at);
  }
}
