/**
 * Whether a route may call Firehose now: what failed calls come to. Holds no records.
 *
 *   none ── stumble: a call failed as a whole ──> backing_off or holding, by the verdict; each failure lengthens the pause
 *   none <─ recover: something of a call was taken that was made since the last failure
 *
 * While there is trouble, one call at a time is made, after the pause: the probe. Calls that were open when it began
 * belong to an older epoch: their failures tell nothing new, and do not lengthen the pause once more each.
 */
import type { Clock, Random } from "../../clock.ts";
import type { Log } from "../../log.ts";
import { backoffCeilingMs, backoffMs } from "../backoff.ts";
import type { Verdict } from "./outcome.ts";

export interface TroubleLimits {
  /** Pause after a call that failed as a whole: full jitter below base, doubled with every failure, up to the cap. */
  readonly backoffBaseMs: number;
  readonly backoffCapMs: number;
  /** Pause between probes while holding: from the first, doubled, up to the second. */
  readonly holdProbeMsMin: number;
  readonly holdProbeMsMax: number;
  /** When trouble that should pass has lasted this long, it is logged as an error, once. */
  readonly alertAfterMs: number;
}

/** Failures in a row before trouble that passes is worth a warning. */
const WARN_AFTER_FAILURES = 3;

/** So many answers in a row that took nothing are no bad luck any more: at a third of all failing, one in 6,500 times. */
const FALTERS_MAX = 8;

export type TroubleKind = "backing_off" | "holding";

interface Present {
  readonly kind: TroubleKind;
  readonly sinceMs: number;
  readonly failures: number;
  /** What was logged for it: nothing, a warning, an error. */
  readonly told: "nothing" | "warning" | "error";
  readonly code: string;
}

/** Which trouble a call was made in. */
export interface Ticket {
  readonly epoch: number;
  readonly probe: boolean;
}

export class Trouble {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  readonly #limits: TroubleLimits;
  #present: Present | undefined;
  #epoch = 0;
  #probeOpen = false;
  #notBeforeMs = 0;
  /** Calls in a row of which nothing was taken, though they were answered. */
  #falters = 0;

  /** `log` names the route in each line. */
  constructor(options: { clock: Clock; random: Random; log: Log; limits: TroubleLimits }) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#log = options.log;
    this.#limits = options.limits;
  }

  get kind(): TroubleKind | undefined {
    return this.#present?.kind;
  }

  /** Milliseconds until the next call may be made. */
  get pauseMs(): number {
    return Math.max(0, this.#notBeforeMs - this.#clock.monotonicMs());
  }

  /** Whether a call may be made once the pause is over. */
  get mayCall(): boolean {
    return this.#present === undefined || !this.#probeOpen;
  }

  /** What a call made now would be told by, for trouble that no single call stands for. */
  get latest(): Ticket {
    return { epoch: this.#epoch, probe: false };
  }

  /** A call is made. */
  open(): Ticket {
    const probe = this.#present !== undefined;
    if (probe) this.#probeOpen = true;
    return { epoch: this.#epoch, probe };
  }

  /** The call was answered, in whatever way. To be told before what the answer was. */
  close(ticket: Ticket): void {
    if (ticket.probe && ticket.epoch === this.#epoch) this.#probeOpen = false;
  }

  /** The whole call failed. */
  stumble(ticket: Ticket, verdict: Verdict): void {
    if (ticket.epoch !== this.#epoch) return;
    this.#epoch += 1;
    this.#probeOpen = false;
    const nowMs = this.#clock.monotonicMs();
    const kind = verdict.kind === "hold" ? "holding" : "backing_off";
    const before = this.#present;
    // Holding has pauses of its own, which begin anew; a hold that turns into an outage keeps its patience.
    const failures = before === undefined || (kind === "holding" && before.kind !== kind) ? 1 : before.failures + 1;
    const { backoffBaseMs, backoffCapMs, holdProbeMsMin, holdProbeMsMax } = this.#limits;
    const pauseMs =
      kind === "holding"
        ? backoffCeilingMs(failures, holdProbeMsMin, holdProbeMsMax)
        : backoffMs(failures, backoffBaseMs, backoffCapMs, this.#random());
    this.#notBeforeMs = nowMs + pauseMs;
    const sinceMs = before?.sinceMs ?? nowMs;
    const told = this.#tell(verdict, kind, failures, nowMs - sinceMs);
    this.#present = { kind, sinceMs, failures, told, code: verdict.code };
  }

  /**
   * Every record of a call failed for itself, for a reason that passes: bad luck, where the next call fares better, and
   * no reason to slow down. Trouble when it is so again and again, or there is trouble already.
   */
  falter(ticket: Ticket, verdict: Verdict): void {
    this.#falters += 1;
    if (this.#falters >= FALTERS_MAX || this.#present !== undefined) this.stumble(ticket, verdict);
  }

  /** Part of a call was over the quota (`share` of it, in (0, 1)): a short pause, in proportion, beside the pacer's. */
  slowDown(share: number): void {
    const pauseMs = backoffMs(1, this.#limits.backoffBaseMs, this.#limits.backoffCapMs, this.#random()) * share;
    this.#notBeforeMs = Math.max(this.#notBeforeMs, this.#clock.monotonicMs() + pauseMs);
  }

  /** Something of the call was taken. Ends the trouble, unless the call is older than that. */
  recover(ticket: Ticket): void {
    this.#falters = 0;
    const { told, sinceMs } = this.#present ?? {};
    if (sinceMs === undefined || ticket.epoch !== this.#epoch) return;
    this.#present = undefined;
    this.#probeOpen = false;
    if (told !== "nothing") {
      const lastedMs = Math.round(this.#clock.monotonicMs() - sinceMs);
      this.#log.info({ lastedMs }, "Firehose takes records again; delivery goes on");
    }
  }

  /** Logs each stage of the trouble once. */
  #tell(verdict: Verdict, kind: TroubleKind, failures: number, lastedMs: number): Present["told"] {
    const before = this.#present;
    const { code, message, advice } = verdict;
    if (kind === "holding") {
      if (before?.kind !== kind || before.code !== code) {
        this.#log.error({ code, message, advice }, "delivery holds until someone acts; logs wait in the journal");
      }
      return "error";
    }
    const told = before?.told ?? "nothing";
    if (told !== "error" && lastedMs >= this.#limits.alertAfterMs) {
      this.#log.error({ code, message, lastedMs }, "Firehose has taken nothing for long; logs wait in the journal");
      return "error";
    }
    if (told === "nothing" && failures >= WARN_AFTER_FAILURES) {
      this.#log.warn({ code, message, failures }, "Firehose takes nothing at present; calls are tried again");
      return "warning";
    }
    return told;
  }
}
