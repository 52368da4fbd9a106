export { interpolate } from "./interpolate.ts";
export { hasVariables, parseTemplate } from "./template.ts";
export type { TemplatePart } from "./template.ts";
export { parseEnvFile } from "./env-file.ts";
export { InterpolateError } from "./errors.ts";
export type { InterpolateErrorCode, InterpolateErrorPlace } from "./errors.ts";
