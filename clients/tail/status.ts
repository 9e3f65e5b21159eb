/** All that the agent tells of itself. */
import type { FollowStatus } from "./follow.ts";
import type { OutboxCounts } from "./send/outbox.ts";

export interface AgentStatus extends FollowStatus, OutboxCounts {
  readonly isConnected: boolean;
  readonly retries: number;
  readonly waitingBytes: number;
  readonly positions: number;
  /** How long ago the loop last went round. Long: it is stuck. */
  readonly loopAgeMs: number;
}
