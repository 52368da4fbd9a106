/** `keybearer init`: a config to start with. */
import type { Terminal } from "./main.ts";
import { writeNewFiles } from "./new-files.ts";

const STARTER_CONFIG = `# yaml-language-server: $schema=keybearer.schema.json
# For completion in editors: keybearer schema > keybearer.schema.json
binds:
- port: 3000
  listeners:
  - routes:
    - backends:
      - ai:
          name: openai
          provider:
            openAI: {}
              # Optional; stands in place of the model that a request asks for
              # model: gpt-4o-mini
      policies:
        backendAuth:
          # From the environment. Or from a file beside this one:
          #   key: { file: key.txt }
          key: "$OPENAI_API_KEY"
`;

/** Throws GatewayError for a file that cannot be written. */
export async function init(file: string, terminal: Terminal): Promise<number> {
  await writeNewFiles([{ path: file, text: STARTER_CONFIG, mode: 0o600 }], terminal.workingDirectory);
  terminal.say(nextSteps(file));
  return 0;
}

function nextSteps(file: string): string {
  const flag = file === "config.yaml" ? "" : ` -f ${file}`;
  return `Wrote ${file}. Next:

  export OPENAI_API_KEY=<your key>
  keybearer${flag} --validate-only
  keybearer${flag}
`;
}
