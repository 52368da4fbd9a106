/** A listener's side of TLS: who shakes hands for it, with the certificate that is current then. */
import { constants, createHash, hkdfSync } from "node:crypto";
import { createServer, type Server, type TlsOptions } from "node:tls";
import type { ListenerDefinition, ListenerTls, TlsMaterial } from "../definition.ts";
import { DefinitionError } from "../errors.ts";
import { pairError } from "../tls-pair.ts";

/** What handshakes need and a definition does not hold: asked for whenever a connection begins. */
export interface TlsSecrets {
  /** By the id that a listener names; another object when it is another certificate. Undefined: there is none. */
  material(id: string): TlsMaterial | undefined;
  /** Random, 32 bytes or more, the same in all threads on one port, so that a session begun in one is resumed in any. */
  ticketKey(): Uint8Array;
}

/** How a connection was secured. */
export interface ConnectionTls {
  /** The host that the client asked for, in lower case. */
  readonly serverName: string | undefined;
  /** Names the authority that vouched for the client; empty: none was asked for. */
  readonly clientAuthority: string;
}

/** The longest that a timer can: whoever hands a connection over limits its handshake from the first byte on. */
const HANDSHAKE_TIMEOUT_MS = 2 ** 31 - 1;
const TICKET_KEY_BYTES = 48;
/** AEAD with forward secrecy alone (RFC 9325 section 4.2), the best first. */
const CIPHERS = [
  "TLS_AES_256_GCM_SHA384",
  "TLS_CHACHA20_POLY1305_SHA256",
  "TLS_AES_128_GCM_SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
];

interface Made {
  readonly material: TlsMaterial;
  readonly ticketKey: Uint8Array;
  readonly server: Server;
}

export class Acceptor {
  readonly clientAuthority: string;
  readonly #bind: string;
  readonly #hostname: string | undefined;
  readonly #tls: ListenerTls;
  readonly #secrets: TlsSecrets;
  #made: Made | undefined;

  /** Throws DefinitionError INVALID_TLS. */
  constructor(bind: string, { name, hostname }: ListenerDefinition, tls: ListenerTls, secrets: TlsSecrets) {
    this.#bind = bind;
    this.#hostname = hostname;
    this.#tls = tls;
    this.#secrets = secrets;
    this.clientAuthority = tls.clientCertificates ? tls.id : "";
    try {
      this.server();
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new DefinitionError("INVALID_TLS", `listener ${name}: ${reason}`, { cause });
    }
  }

  /** Does not listen: connections are handed to it. Never throws once it was made. */
  server(): Server {
    const material = this.#secrets.material(this.#tls.id);
    const ticketKey = this.#secrets.ticketKey();
    const made = this.#made;
    // Its listener has gone from the config, and those who still connect get what it had.
    if (made && (!material || (made.material === material && made.ticketKey === ticketKey))) return made.server;
    if (!material) throw new Error(`no certificate ${this.#tls.id}`);
    this.#made = { material, ticketKey, server: this.#make(material, ticketKey, made?.server) };
    return this.#made.server;
  }

  /** Or the one before: whoever hands over a certificate has tried it, and if not, those who connect shall not suffer. */
  #make(material: TlsMaterial, ticketKey: Uint8Array, before: Server | undefined): Server {
    if (before && listenerTlsError(material, this.#tls)) return before;
    return createServer({
      ...contextOptions(material, this.#tls),
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
      ALPNProtocols: ["http/1.1"],
      requestCert: this.#tls.clientCertificates,
      rejectUnauthorized: true,
      ...this.#tickets(material, ticketKey),
    });
  }

  /**
   * A session is resumed by its own listener alone, and only as long as the same authority vouches for clients: OpenSSL looks
   * at neither when it resumes, and would take a client for verified that another listener has let in.
   */
  #tickets({ root }: TlsMaterial, ticketKey: Uint8Array): Pick<TlsOptions, "ticketKeys" | "sessionIdContext"> {
    const scope = digest(JSON.stringify([this.#bind, this.#hostname ?? null, this.#tls, root ?? null]));
    const key = (use: string, length: number) => Buffer.from(hkdfSync("sha256", ticketKey, "", use + scope, length));
    return { ticketKeys: key("ticket", TICKET_KEY_BYTES), sessionIdContext: key("context", 16).toString("hex") };
  }
}

/** Of any length: what a key is derived for may have 1,024 bytes in node, and authorities have more. */
function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The reason why a listener cannot use this; undefined: it can. */
export function listenerTlsError(
  material: TlsMaterial,
  tls: Pick<ListenerTls, "clientCertificates" | "minVersion" | "maxVersion" | "ciphers">,
): Error | undefined {
  try {
    createServer(contextOptions(material, tls));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function contextOptions(
  { cert, key, root }: TlsMaterial,
  { clientCertificates, ciphers = CIPHERS, ...versions }: Omit<ListenerTls, "id">,
): TlsOptions {
  // Empty texts are none to node, and it would refuse every client.
  if (cert === "" || key === "") throw new Error("a listener needs both cert and key");
  const mismatch = pairError(cert, key);
  if (mismatch) throw mismatch;
  if (clientCertificates && root === undefined) throw new Error("nobody is trusted to sign the clients' certificates");
  return {
    cert,
    key,
    ...(root === undefined ? {} : { ca: root }),
    ...versionsOf(ciphers, versions),
    // Another handshake on the same connection would not be looked at by anyone.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ciphers: ciphers.join(":"),
  };
}

/** Those of which there is a suite: of a version without one, OpenSSL would take its own. */
function versionsOf(
  ciphers: readonly string[],
  { minVersion = "TLSv1.2", maxVersion = "TLSv1.3" }: Pick<ListenerTls, "minVersion" | "maxVersion">,
): Required<Pick<ListenerTls, "minVersion" | "maxVersion">> {
  const ofNewest = ciphers.filter((name) => name.startsWith("TLS_")).length;
  const lowest = ofNewest === ciphers.length ? "TLSv1.3" : minVersion;
  const highest = ofNewest === 0 ? "TLSv1.2" : maxVersion;
  if (lowest > highest) throw new Error("no cipher suite belongs to a TLS version that is allowed");
  return { minVersion: lowest, maxVersion: highest };
}
