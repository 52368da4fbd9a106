/** What of the keyring others may use. */
export { createKeyring } from "./keyring.ts";
export { createEndpoints } from "./endpoints.ts";
export type { EndpointLease, Endpoints, EndpointSettings, EndpointsSettings } from "./endpoints.ts";
export { KeyringError } from "./errors.ts";
export { gentlestEnd } from "./refusal.ts";
export type { KeyringErrorCode, KeyStanding, TrailEntry } from "./errors.ts";
export type {
  KeyAlert,
  KeyCondition,
  KeyHandle,
  KeyLease,
  Keyring,
  KeyringSettings,
  KeySettings,
  KeyView,
  ModelRest,
  Probe,
  Strategy,
} from "./settings.ts";

export { createKeyState, openKeyState } from "./state/key-state.ts";
export type { KeyState, KeyStateSize } from "./state/key-state.ts";
export { assignSlots } from "./state/slots.ts";
export type { SlotAssignment } from "./state/slots.ts";

export { conversationIdentity, openingHash } from "./conversation.ts";
export type { ConversationFacts } from "./conversation.ts";
