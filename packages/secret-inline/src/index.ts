export { inlineSource } from "./inline-source.ts";
export { looksReal } from "./looks-real.ts";
