export { envSource } from "./env-source.ts";
