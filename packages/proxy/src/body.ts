/** The request's body, read whole and decoded where something in it must be read or written. */
import { promisify } from "node:util";
import { brotliDecompress, gunzip, inflate, zstdDecompress } from "node:zlib";
import { BodyError, type BodyEdit, type Dialect, type EditedBody, type HeaderList } from "@keybearer/providers";
import { ProxyError } from "./errors.ts";
import type { Exchange, ReadOptions } from "./exchange.ts";

type Decode = (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>;

const decoders = new Map<string, Decode>([
  ["gzip", promisify(gunzip)],
  ["x-gzip", promisify(gunzip)],
  ["deflate", promisify(inflate)],
  ["br", promisify(brotliDecompress)],
  ["zstd", promisify(zstdDecompress)],
]);

/** Undefined: no coding that we know, or bytes that are not of it. */
export async function decodeBytes(
  bytes: Uint8Array,
  encoding: string,
  limitBytes: number,
): Promise<Uint8Array | undefined> {
  if (encoding === "identity") return bytes;
  return decoders
    .get(encoding)?.(bytes, { maxOutputLength: limitBytes })
    .catch(() => undefined);
}

/**
 * Throws ProxyError, or rejects with it. A body that was compressed goes on decoded, and `headers` says so. One that is
 * there, and as it should be, comes at once.
 */
export function readDecoded(
  exchange: Exchange,
  headers: HeaderList,
  options: ReadOptions,
): Uint8Array | Promise<Uint8Array> {
  const { limitBytes, reserve } = options;
  if (!headers.has("content-encoding")) return exchange.readBody(options);
  // All of them: a second header is a second coding (RFC 9110 section 8.4).
  const encoding = headers.values("content-encoding").join(", ").trim().toLowerCase() || "identity";
  const decode = decoders.get(encoding);
  if (!decode && encoding !== "identity") {
    const known = [...decoders.keys()].join(", ");
    throw new ProxyError(
      "unsupported_content_encoding",
      `The content encoding ${encoding.slice(0, 40)} is not supported; known: ${known}.`,
    );
  }
  const body = exchange.readBody(options);
  if (!decode) return body;
  const decoded = async (): Promise<Uint8Array> => {
    const plain = await decode(await body, { maxOutputLength: limitBytes }).catch((cause: unknown) => {
      throw undecodable(cause, encoding, limitBytes);
    });
    if (!reserve.take(plain.length)) throw reserve.error;
    headers.delete("content-encoding");
    return plain;
  };
  return decoded();
}

/** Throws ProxyError `invalid_json`, `invalid_multipart`. */
export function editBody(bytes: Uint8Array, headers: HeaderList, dialect: Dialect, edit: BodyEdit): EditedBody {
  try {
    return dialect.editBody(bytes, headers.get("content-type"), edit);
  } catch (error) {
    if (!BodyError.is(error)) throw error;
    throw new ProxyError(error.code === "INVALID_MULTIPART" ? "invalid_multipart" : "invalid_json", error.message, {
      cause: error,
    });
  }
}

function undecodable(cause: unknown, encoding: string, limitBytes: number): ProxyError {
  if (cause instanceof RangeError) {
    return new ProxyError("request_too_large", `The request body is larger than ${limitBytes} bytes once decoded.`, {
      cause,
    });
  }
  return new ProxyError("invalid_request", `The request body is not ${encoding}, as its Content-Encoding says.`, {
    cause,
  });
}
