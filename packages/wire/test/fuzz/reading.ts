/** What a parser made of the bytes of one connection: the same shape for both sides, so that they can be compared. */

export interface Case {
  /** One character is one byte. */
  readonly bytes: string;
  /** Of responses: the methods they answer, in order. GET where the list ends. */
  readonly methods?: readonly string[];
}

export interface Message {
  /** Method, target and version, or status, reason and version. */
  readonly line: string;
  /** Names and values by turns, as sent. */
  readonly headers: readonly string[];
  /** The offset behind the head. */
  readonly headEnd: number;
  /** What came of it. */
  body: string;
  /** The offset behind the message; -1: it is not whole. */
  end: number;
  /** Nothing may follow it. */
  closes: boolean;
  /** Names and values by turns, where the parser tells. */
  readonly trailers: string[];
}

export interface Reading {
  /** In order; the last one may not be whole. */
  readonly messages: readonly Message[];
  /** `open`: it waits for more. `over`: nothing may follow, the rest is not looked at. Else the code of the error. */
  readonly end: string;
  /** The error in words, and at which byte or so. */
  readonly because?: string;
}
