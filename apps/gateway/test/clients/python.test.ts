import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startGateway, type GatewayProcess } from "./gateway-process.ts";
import { CLIENT_KEY } from "./openai-client.ts";
import { keyedRoute, PROVIDER_KEY, startSimulatedProvider, type SimulatedProvider } from "./providers.ts";

const hasClient = spawnSync("python3", ["-c", "import openai"]).status === 0;

/** Prints one JSON object: what a whole chat completion, one in pieces and a path that is closed gave. */
const script = `
import json
from openai import OpenAI, NotFoundError
client = OpenAI(max_retries=0)
question = dict(model="gpt-4o-mini", messages=[{"role": "user", "content": "good morning to you"}])
whole = client.chat.completions.create(**question).choices[0].message.content
chunks = list(client.chat.completions.create(**question, stream=True))
pieces = [chunk.choices[0].delta.content or "" for chunk in chunks]
try:
    client.get("/organization/users", cast_to=object)
except NotFoundError as error:
    failure = dict(status=error.status_code, code=error.code, request=bool(error.request_id))
print(json.dumps(dict(whole=whole, pieces=pieces, failure=failure)))
`;

describe.skipIf(!hasClient)("Python's openai client (skipped where python3 cannot import openai)", () => {
  let provider: SimulatedProvider;
  let gateway: GatewayProcess;

  beforeAll(async () => {
    provider = await startSimulatedProvider();
    gateway = await startGateway(keyedRoute(provider.host));
  });
  afterAll(async () => {
    await gateway?.stop();
    await provider?.close();
  });

  test("needs nothing but the base URL: chat, streaming, errors", async () => {
    const env = { ...process.env, OPENAI_BASE_URL: `${gateway.urls[0]}/v1`, OPENAI_API_KEY: CLIENT_KEY };
    const child = spawn("python3", ["-c", script], { env, stdio: ["ignore", "pipe", "inherit"] });
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    await once(child, "close");
    const { whole, pieces, failure } = JSON.parse(out) as { whole: string; pieces: string[]; failure: unknown };
    expect(whole).toBe("You said: good morning to you");
    expect(pieces.length).toBeGreaterThan(3);
    expect(pieces.join("")).toBe(whole);
    expect(failure).toEqual({ status: 404, code: "path_not_supported", request: true });
    expect(provider.simulator.keysSeen).toEqual([PROVIDER_KEY]);
  });
});
