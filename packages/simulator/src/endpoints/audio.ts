/** POST /audio/transcriptions and /audio/translations, which tell what was uploaded, and /audio/speech, which is binary. */
import { createHash } from "node:crypto";
import type { Endpoint } from "../endpoint.ts";
import { asString } from "../json.ts";
import { fieldOf, seenFiles } from "../multipart.ts";
import { bytesReply, jsonReply } from "../reply.ts";

function uploaded(path: string): Endpoint {
  return {
    method: "POST",
    path,
    reads: "form",
    needsModel: true,
    answer({ answer, model, parts }) {
      const files = seenFiles(parts);
      const heard = files.map((file) => `${file.filename} (${file.bytes} bytes)`).join(", ");
      const text = answer.text ?? `Simulated transcript of ${heard || "nothing"}.`;
      if (fieldOf(parts, "response_format") === "text") return bytesReply(Buffer.from(`${text}\n`), "text/plain");
      return jsonReply({ text, model, files });
    },
  };
}

const AUDIO_TYPES = new Map([
  ["mp3", "audio/mpeg"],
  ["opus", "audio/opus"],
  ["aac", "audio/aac"],
  ["flac", "audio/flac"],
  ["wav", "audio/wav"],
  ["pcm", "audio/pcm"],
]);

const speech: Endpoint = {
  method: "POST",
  path: "/audio/speech",
  reads: "json",
  needsModel: true,
  answer({ body }) {
    const block = createHash("sha256")
      .update(asString(body["input"]) ?? "")
      .digest();
    const type = AUDIO_TYPES.get(asString(body["response_format"]) ?? "mp3") ?? "application/octet-stream";
    return bytesReply(Buffer.concat(Array.from({ length: 64 }, () => block)), type);
  },
};

export const audio: readonly Endpoint[] = [uploaded("/audio/transcriptions"), uploaded("/audio/translations"), speech];
