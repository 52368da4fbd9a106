/** `frontendPolicies`, as the data plane knows them. */
import type { FrontendPolicies } from "@keybearer/config";
import type { FrontendDefinition } from "@keybearer/proxy";

export function translateFrontend(policies: FrontendPolicies | undefined): FrontendDefinition | undefined {
  return (
    policies && {
      headBytes: policies.maxHeaderBytes,
      headers: policies.maxHeaders,
      targetBytes: policies.maxTargetBytes,
      bufferBytes: policies.maxBufferBytes,
      bodyBytes: policies.maxBodyBytes,
      headTimeoutMs: policies.headerTimeoutMs,
      receiveTimeoutMs: policies.receiveTimeoutMs,
      bodyTimeoutMs: policies.bodyTimeoutMs,
      sendTimeoutMs: policies.sendTimeoutMs,
      idleTimeoutMs: policies.idleTimeoutMs,
      connectionDurationMs: policies.maxConnectionDurationMs,
      handshakeTimeoutMs: policies.handshakeTimeoutMs,
      keepAlive: policies.keepAlive,
      connections: policies.maxConnections,
      connectionsPerClient: policies.maxConnectionsPerClient,
      requests: policies.maxConcurrentRequests,
    }
  );
}
