export { testSecretSource } from "./suite.ts";
export type { SecretPlace, SecretSourceTests, TestFunction } from "./suite.ts";
export { fakeClock } from "./fake-clock.ts";
export type { FakeClock } from "./fake-clock.ts";
