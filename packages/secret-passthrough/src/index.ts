export { passthroughCredential } from "./passthrough-credential.ts";
export type { PassthroughSettings } from "./passthrough-credential.ts";
export type { Location } from "./location.ts";
