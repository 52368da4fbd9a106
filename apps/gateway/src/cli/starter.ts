/** The config that `keybearer init` writes, and what it says then. */

export const STARTER_CONFIG = `# yaml-language-server: $schema=keybearer.schema.json
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

export function nextSteps(file: string): string {
  const flag = file === "config.yaml" ? "" : ` -f ${file}`;
  return `Wrote ${file}. Next:

  export OPENAI_API_KEY=<your key>
  keybearer${flag} --validate-only
  keybearer${flag}
`;
}
