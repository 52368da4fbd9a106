/** What becomes of a request whose provider fails, row by row: the faults, and what each of them comes to. */
import type { Fault } from "@keybearer/simulator";

export interface FaultRow {
  /** One of `faults`. */
  readonly fault: string;
  readonly answer: "JSON" | "SSE";
  /** Whether the route has a `retry` policy: one attempt more, without backoff, for 429, 500 and 503. */
  readonly retry: boolean;
  /**
   * The status, then the code of an error; or `whole`, `short` (in good order, but not all of it, which only the content
   * tells) or `cut`, and the code of the error event that ended the stream.
   */
  readonly client: string;
  /** The error's code and reason in the access log, and after a slash each attempt before: its rule and status. */
  readonly log: string;
  /** Whether the next request finds the connection that met the fault. */
  readonly connection: "kept" | "closed" | "none";
  /** How often the provider got the request. */
  readonly sent: number;
}

export interface FaultSetting {
  /** The first request meets it; the next ones meet nothing. */
  readonly fault?: Fault;
  /** Nobody listens; `once`: where the first connection goes. */
  readonly refuses?: "once" | "always";
  /** The connection has served a request before, and is closed by the provider at the moment when the next one comes. */
  readonly onReused?: true;
  /** The gateway notices silence within an answer after a moment, not after minutes. */
  readonly silence?: true;
  /** The route's `backendRequestTimeout` is short. */
  readonly timeout?: true;
}

export const faults: Readonly<Record<string, FaultSetting>> = {
  "refuses connections": { refuses: "always" },
  "refuses a connection": { refuses: "once" },
  "closes a kept connection as the request comes": { fault: { kind: "reset-before-head" }, onReused: true },
  "resets before the head": { fault: { kind: "reset-before-head" } },
  "resets after the head": { fault: { kind: "reset-after-head" } },
  "resets before content": { fault: { kind: "reset-after-events", afterEvents: 1 } },
  "resets in the middle": { fault: { kind: "reset-after-events", afterEvents: 3 } },
  "is silent before the head": { fault: { kind: "stall-before-head" }, timeout: true },
  "is silent after the head": { fault: { kind: "stall-after-events", afterEvents: 0 }, timeout: true, silence: true },
  "is silent in the middle": { fault: { kind: "stall-after-events", afterEvents: 3 }, silence: true },
  "is silent within an event": { fault: { kind: "stall-after-bytes", afterBytes: 700 }, silence: true },
  "closes in the middle": { fault: { kind: "truncate", afterEvents: 3 } },
  "closes without the end": { fault: { kind: "truncate" } },
  "ends its side before the head": { fault: { kind: "half-close" } },
  "ends its side in the middle": { fault: { kind: "half-close", afterEvents: 3 } },
  "answers no HTTP": { fault: { kind: "garbage" } },
  "says too great a length": { fault: { kind: "wrong-length", by: 10_000 }, silence: true },
  "says too small a length": { fault: { kind: "wrong-length", by: -3 } },
  "answers 413 before it has read": { fault: { kind: "early-answer", status: 413 } },
  "answers 503 before it has read": { fault: { kind: "early-answer", status: 503 } },
  "sends 100 informational heads": { fault: { kind: "flood-1xx", count: 100 } },
  "sends 101 informational heads": { fault: { kind: "flood-1xx", count: 101 } },
  drips: { fault: { kind: "slow-drip", bytes: 64 } },
  "answers 400": { fault: { kind: "status", status: 400 } },
  "answers 500": { fault: { kind: "status", status: 500 } },
  "answers 503": { fault: { kind: "status", status: 503 } },
  "fails in the place of content": { fault: { kind: "error-event", afterEvents: 1 } },
  "fails in the middle": { fault: { kind: "error-event", afterEvents: 3 } },
};

const table = `
| a provider that                               | answer | retry | the client sees               | the log says / attempts before                              | connection | sent |
|-----------------------------------------------|--------|-------|-------------------------------|-------------------------------------------------------------|------------|------|
| refuses connections                           | JSON   | no    | 503 upstream_unreachable      | upstream_unreachable UpstreamFailure / upstream_unreachable | none       | 0    |
| refuses connections                           | JSON   | yes   | 503 upstream_unreachable      | upstream_unreachable UpstreamFailure / upstream_unreachable | none       | 0    |
| refuses connections                           | SSE    | no    | 503 upstream_unreachable      | upstream_unreachable UpstreamFailure / upstream_unreachable | none       | 0    |
| refuses connections                           | SSE    | yes   | 503 upstream_unreachable      | upstream_unreachable UpstreamFailure / upstream_unreachable | none       | 0    |
| refuses a connection                          | JSON   | no    | 200 whole                     | - / upstream_unreachable                                    | kept       | 1    |
| refuses a connection                          | JSON   | yes   | 200 whole                     | - / upstream_unreachable                                    | kept       | 1    |
| refuses a connection                          | SSE    | no    | 200 whole                     | - / upstream_unreachable                                    | kept       | 1    |
| refuses a connection                          | SSE    | yes   | 200 whole                     | - / upstream_unreachable                                    | kept       | 1    |
| closes a kept connection as the request comes | JSON   | no    | 502 upstream_closed           | upstream_closed UpstreamFailure                             | closed     | 1    |
| closes a kept connection as the request comes | JSON   | yes   | 200 whole                     | - / upstream_closed                                         | closed     | 2    |
| closes a kept connection as the request comes | SSE    | no    | 502 upstream_closed           | upstream_closed UpstreamFailure                             | closed     | 1    |
| closes a kept connection as the request comes | SSE    | yes   | 200 whole                     | - / upstream_closed                                         | closed     | 2    |
| resets before the head                        | JSON   | no    | 502 upstream_closed           | upstream_closed UpstreamFailure                             | closed     | 1    |
| resets before the head                        | JSON   | yes   | 200 whole                     | - / upstream_closed                                         | closed     | 2    |
| resets before the head                        | SSE    | no    | 502 upstream_closed           | upstream_closed UpstreamFailure                             | closed     | 1    |
| resets before the head                        | SSE    | yes   | 200 whole                     | - / upstream_closed                                         | closed     | 2    |
| resets after the head                         | JSON   | no    | 502 upstream_closed           | upstream_closed UpstreamFailure                             | closed     | 1    |
| resets after the head                         | JSON   | yes   | 200 whole                     | - / upstream_closed                                         | closed     | 2    |
| resets after the head                         | SSE    | no    | 502 upstream_closed           | upstream_closed UpstreamFailure                             | closed     | 1    |
| resets after the head                         | SSE    | yes   | 200 whole                     | - / upstream_closed                                         | closed     | 2    |
| resets before content                         | JSON   | no    | 200 cut                       | upstream_broken UpstreamFailure                             | closed     | 1    |
| resets before content                         | JSON   | yes   | 200 cut                       | upstream_broken UpstreamFailure                             | closed     | 1    |
| resets before content                         | SSE    | no    | 502 upstream_closed           | upstream_closed UpstreamFailure                             | closed     | 1    |
| resets before content                         | SSE    | yes   | 200 whole                     | - / upstream_closed                                         | closed     | 2    |
| resets in the middle                          | JSON   | no    | 200 cut                       | upstream_broken UpstreamFailure                             | closed     | 1    |
| resets in the middle                          | JSON   | yes   | 200 cut                       | upstream_broken UpstreamFailure                             | closed     | 1    |
| resets in the middle                          | SSE    | no    | 200 cut, upstream_broken      | upstream_broken UpstreamFailure                             | closed     | 1    |
| resets in the middle                          | SSE    | yes   | 200 cut, upstream_broken      | upstream_broken UpstreamFailure                             | closed     | 1    |
| is silent before the head                     | JSON   | no    | 504 upstream_timeout          | upstream_timeout Timeout                                    | closed     | 1    |
| is silent before the head                     | JSON   | yes   | 200 whole                     | - / upstream_timeout                                        | closed     | 2    |
| is silent before the head                     | SSE    | no    | 504 upstream_timeout          | upstream_timeout Timeout                                    | closed     | 1    |
| is silent before the head                     | SSE    | yes   | 200 whole                     | - / upstream_timeout                                        | closed     | 2    |
| is silent after the head                      | JSON   | no    | 504 upstream_timeout          | upstream_timeout Timeout                                    | closed     | 1    |
| is silent after the head                      | JSON   | yes   | 200 whole                     | - / upstream_timeout                                        | closed     | 2    |
| is silent after the head                      | SSE    | no    | 504 upstream_timeout          | upstream_timeout Timeout                                    | closed     | 1    |
| is silent after the head                      | SSE    | yes   | 200 whole                     | - / upstream_timeout                                        | closed     | 2    |
| is silent in the middle                       | JSON   | no    | 200 cut                       | upstream_timeout Timeout                                    | closed     | 1    |
| is silent in the middle                       | JSON   | yes   | 200 cut                       | upstream_timeout Timeout                                    | closed     | 1    |
| is silent in the middle                       | SSE    | no    | 200 cut, upstream_timeout     | upstream_timeout Timeout                                    | closed     | 1    |
| is silent in the middle                       | SSE    | yes   | 200 cut, upstream_timeout     | upstream_timeout Timeout                                    | closed     | 1    |
| is silent within an event                     | SSE    | no    | 200 cut, upstream_timeout     | upstream_timeout Timeout                                    | closed     | 1    |
| is silent within an event                     | SSE    | yes   | 200 cut, upstream_timeout     | upstream_timeout Timeout                                    | closed     | 1    |
| closes in the middle                          | JSON   | no    | 200 cut                       | upstream_broken UpstreamFailure                             | closed     | 1    |
| closes in the middle                          | JSON   | yes   | 200 cut                       | upstream_broken UpstreamFailure                             | closed     | 1    |
| closes in the middle                          | SSE    | no    | 200 cut, upstream_broken      | upstream_broken UpstreamFailure                             | closed     | 1    |
| closes in the middle                          | SSE    | yes   | 200 cut, upstream_broken      | upstream_broken UpstreamFailure                             | closed     | 1    |
| closes without the end                        | JSON   | no    | 200 cut                       | upstream_broken UpstreamFailure                             | closed     | 1    |
| closes without the end                        | JSON   | yes   | 200 cut                       | upstream_broken UpstreamFailure                             | closed     | 1    |
| closes without the end                        | SSE    | no    | 200 cut, upstream_broken      | upstream_broken UpstreamFailure                             | closed     | 1    |
| closes without the end                        | SSE    | yes   | 200 cut, upstream_broken      | upstream_broken UpstreamFailure                             | closed     | 1    |
| ends its side before the head                 | JSON   | no    | 502 upstream_closed           | upstream_closed UpstreamFailure                             | closed     | 1    |
| ends its side before the head                 | JSON   | yes   | 200 whole                     | - / upstream_closed                                         | closed     | 2    |
| ends its side before the head                 | SSE    | no    | 502 upstream_closed           | upstream_closed UpstreamFailure                             | closed     | 1    |
| ends its side before the head                 | SSE    | yes   | 200 whole                     | - / upstream_closed                                         | closed     | 2    |
| ends its side in the middle                   | JSON   | no    | 200 cut                       | upstream_broken UpstreamFailure                             | closed     | 1    |
| ends its side in the middle                   | JSON   | yes   | 200 cut                       | upstream_broken UpstreamFailure                             | closed     | 1    |
| ends its side in the middle                   | SSE    | no    | 200 cut, upstream_broken      | upstream_broken UpstreamFailure                             | closed     | 1    |
| ends its side in the middle                   | SSE    | yes   | 200 cut, upstream_broken      | upstream_broken UpstreamFailure                             | closed     | 1    |
| answers no HTTP                               | JSON   | no    | 502 upstream_invalid_response | upstream_invalid_response UpstreamFailure                   | closed     | 1    |
| answers no HTTP                               | JSON   | yes   | 200 whole                     | - / upstream_invalid_response                               | closed     | 2    |
| answers no HTTP                               | SSE    | no    | 502 upstream_invalid_response | upstream_invalid_response UpstreamFailure                   | closed     | 1    |
| answers no HTTP                               | SSE    | yes   | 200 whole                     | - / upstream_invalid_response                               | closed     | 2    |
| says too great a length                       | JSON   | no    | 200 cut                       | upstream_timeout Timeout                                    | closed     | 1    |
| says too great a length                       | JSON   | yes   | 200 cut                       | upstream_timeout Timeout                                    | closed     | 1    |
| says too great a length                       | SSE    | no    | 200 cut, upstream_timeout     | upstream_timeout Timeout                                    | closed     | 1    |
| says too great a length                       | SSE    | yes   | 200 cut, upstream_timeout     | upstream_timeout Timeout                                    | closed     | 1    |
| says too small a length                       | JSON   | no    | 200 short                     | -                                                           | closed     | 1    |
| says too small a length                       | JSON   | yes   | 200 short                     | -                                                           | closed     | 1    |
| says too small a length                       | SSE    | no    | 200 short                     | -                                                           | closed     | 1    |
| says too small a length                       | SSE    | yes   | 200 short                     | -                                                           | closed     | 1    |
| answers 413 before it has read                | JSON   | no    | 413 invalid_request_error     | - / callers-fault 413                                       | closed     | 1    |
| answers 413 before it has read                | JSON   | yes   | 413 invalid_request_error     | - / callers-fault 413                                       | closed     | 1    |
| answers 413 before it has read                | SSE    | no    | 413 invalid_request_error     | - / callers-fault 413                                       | closed     | 1    |
| answers 413 before it has read                | SSE    | yes   | 413 invalid_request_error     | - / callers-fault 413                                       | closed     | 1    |
| answers 503 before it has read                | JSON   | no    | 503 server_error              | - / overloaded 503                                          | closed     | 1    |
| answers 503 before it has read                | JSON   | yes   | 200 whole                     | - / overloaded 503                                          | closed     | 2    |
| answers 503 before it has read                | SSE    | no    | 503 server_error              | - / overloaded 503                                          | closed     | 1    |
| answers 503 before it has read                | SSE    | yes   | 200 whole                     | - / overloaded 503                                          | closed     | 2    |
| sends 100 informational heads                 | JSON   | no    | 200 whole                     | -                                                           | kept       | 1    |
| sends 100 informational heads                 | JSON   | yes   | 200 whole                     | -                                                           | kept       | 1    |
| sends 100 informational heads                 | SSE    | no    | 200 whole                     | -                                                           | kept       | 1    |
| sends 100 informational heads                 | SSE    | yes   | 200 whole                     | -                                                           | kept       | 1    |
| sends 101 informational heads                 | JSON   | no    | 502 upstream_invalid_response | upstream_invalid_response UpstreamFailure                   | closed     | 1    |
| sends 101 informational heads                 | JSON   | yes   | 200 whole                     | - / upstream_invalid_response                               | closed     | 2    |
| sends 101 informational heads                 | SSE    | no    | 502 upstream_invalid_response | upstream_invalid_response UpstreamFailure                   | closed     | 1    |
| sends 101 informational heads                 | SSE    | yes   | 200 whole                     | - / upstream_invalid_response                               | closed     | 2    |
| drips                                         | JSON   | no    | 200 whole                     | -                                                           | closed     | 1    |
| drips                                         | JSON   | yes   | 200 whole                     | -                                                           | closed     | 1    |
| drips                                         | SSE    | no    | 200 whole                     | -                                                           | closed     | 1    |
| drips                                         | SSE    | yes   | 200 whole                     | -                                                           | closed     | 1    |
| answers 400                                   | JSON   | no    | 400 invalid_request_error     | - / callers-fault 400                                       | kept       | 1    |
| answers 400                                   | JSON   | yes   | 400 invalid_request_error     | - / callers-fault 400                                       | kept       | 1    |
| answers 400                                   | SSE    | no    | 400 invalid_request_error     | - / callers-fault 400                                       | kept       | 1    |
| answers 400                                   | SSE    | yes   | 400 invalid_request_error     | - / callers-fault 400                                       | kept       | 1    |
| answers 500                                   | JSON   | no    | 500 server_error              | - / overloaded 500                                          | kept       | 1    |
| answers 500                                   | JSON   | yes   | 200 whole                     | - / overloaded 500                                          | kept       | 2    |
| answers 500                                   | SSE    | no    | 500 server_error              | - / overloaded 500                                          | kept       | 1    |
| answers 500                                   | SSE    | yes   | 200 whole                     | - / overloaded 500                                          | kept       | 2    |
| answers 503                                   | JSON   | no    | 503 server_error              | - / overloaded 503                                          | kept       | 1    |
| answers 503                                   | JSON   | yes   | 200 whole                     | - / overloaded 503                                          | kept       | 2    |
| answers 503                                   | SSE    | no    | 503 server_error              | - / overloaded 503                                          | kept       | 1    |
| answers 503                                   | SSE    | yes   | 200 whole                     | - / overloaded 503                                          | kept       | 2    |
| fails in the place of content                 | SSE    | no    | 500 server_error              | - / overloaded 500                                          | kept       | 1    |
| fails in the place of content                 | SSE    | yes   | 200 whole                     | - / overloaded 500                                          | kept       | 2    |
| fails in the middle                           | SSE    | no    | 200 short                     | -                                                           | kept       | 1    |
| fails in the middle                           | SSE    | yes   | 200 short                     | -                                                           | kept       | 1    |
`;

export const faultRows: readonly FaultRow[] = table
  .trim()
  .split("\n")
  .slice(2)
  .map((line) => {
    const [fault = "", answer, retry, client = "", log = "", connection, sent] = line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
    return { fault, answer, retry: retry === "yes", client, log, connection, sent: Number(sent) } as FaultRow;
  });
