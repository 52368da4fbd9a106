/** What a request carries that may be a credential: headers, query parameters, cookies, read by place. */
import { conversationIdentity, openingHash } from "@keybearer/keyring";
import { readConversation, type BodyConversation, type HeaderList, type Location } from "@keybearer/providers";
import type { RequestFacts } from "@keybearer/secrets";

/** Of each part of an opening: who asks twice of one long document had best ask one account. */
const TELLING_BYTES = 2048;

const PREVIOUS_RESPONSE = Buffer.from('"previous_response_id"');

/** The request's headers and query, from which client authentication takes what is its own. */
export class RequestCredentials implements RequestFacts {
  readonly headers: HeaderList;
  readonly #query: string;
  readonly #peer: string;
  #parameters: URLSearchParams | undefined;
  model: string | undefined;
  /** Digest of the client key that was accepted. */
  clientKey: string | undefined;
  /** Where the choice among several keys asks for it: names a conversation that no header names. */
  body: Uint8Array | undefined;
  #conversation: { readonly name: string | undefined } | undefined;
  #said: BodyConversation | undefined;

  /** `peer`: the client's address and port. */
  constructor(headers: HeaderList, query: string, peer: string) {
    this.headers = headers;
    this.#query = query;
    this.#peer = peer;
  }

  /** A name that any client may claim counts within one caller's requests alone. */
  get caller(): string {
    return this.clientKey ?? this.#peer.slice(0, this.#peer.lastIndexOf(":"));
  }

  /** The same for each attempt. */
  get conversation(): string | undefined {
    this.#conversation ??= { name: this.#nameConversation() };
    return this.#conversation.name;
  }

  get previousResponse(): string | undefined {
    // Few bodies have it: one native search spares the others a scan.
    const { body } = this;
    if (!body || !(this.#said || asBuffer(body).includes(PREVIOUS_RESPONSE))) return undefined;
    return this.#read(body).previousResponseId;
  }

  header(name: string): string | undefined {
    return this.headers.get(name);
  }

  query(name: string): string | undefined {
    if (this.#query === "") return undefined;
    return this.parameters.get(name) ?? undefined;
  }

  cookie(name: string): string | undefined {
    for (const line of this.headers.values("cookie")) {
      for (const pair of line.split(";")) {
        const equals = pair.indexOf("=");
        if (equals !== -1 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
      }
    }
    return undefined;
  }

  get parameters(): URLSearchParams {
    this.#parameters ??= new URLSearchParams(this.#query);
    return this.#parameters;
  }

  #nameConversation(): string | undefined {
    const header = (name: string): string | undefined => this.headers.get(name);
    const named = conversationIdentity(header);
    if (named !== undefined || !this.body) return named;
    const said = this.#read(this.body);
    return (
      conversationIdentity(header, said) ?? openingHash(said.opening.map((part) => part.subarray(0, TELLING_BYTES)))
    );
  }

  #read(body: Uint8Array): BodyConversation {
    this.#said ??= readConversation(body);
    return this.#said;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export interface Place {
  /** `the header x-api-key`. */
  readonly description: string;
  read(credentials: RequestCredentials): string | undefined;
  /** Takes it out of the request, so that nothing downstream sees it. */
  consume(credentials: RequestCredentials): void;
}

export function locate(location: Location): Place {
  if ("header" in location) return headerPlace(location.header.name.toLowerCase(), location.header.prefix);
  if ("queryParameter" in location) {
    const { name } = location.queryParameter;
    return {
      description: `the query parameter ${name}`,
      read: (credentials) => credentials.query(name),
      consume: (credentials) => credentials.parameters.delete(name),
    };
  }
  const { name } = location.cookie;
  return {
    description: `the cookie ${name}`,
    read: (credentials) => credentials.cookie(name),
    consume: ({ headers }) => {
      const kept = headers
        .values("cookie")
        .flatMap((line) => line.split(";"))
        .filter((pair) => pair.split("=", 1)[0]?.trim() !== name);
      headers.delete("cookie");
      if (kept.length > 0) headers.set("cookie", kept.map((pair) => pair.trim()).join("; "));
    },
  };
}

function headerPlace(name: string, givenPrefix: string | undefined): Place {
  const prefix = givenPrefix ?? (name === "authorization" ? "Bearer " : "");
  return {
    description: prefix === "" ? `the header ${name}` : `the header ${name} (${prefix.trim()})`,
    read: (credentials) => {
      const value = credentials.header(name);
      if (value === undefined || value.length <= prefix.length) return undefined;
      if (value.slice(0, prefix.length).toLowerCase() !== prefix.toLowerCase()) return undefined;
      return value.slice(prefix.length).trim();
    },
    consume: (credentials) => credentials.headers.delete(name),
  };
}
