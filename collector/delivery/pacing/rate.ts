/**
 * How fast one replica may send to its stream: the pacer's quota, from what the stream answers. Pure: told of epochs.
 *
 *   rate = ceiling x share x level
 *
 * - `ceiling` is what the stream takes per second, as it was found (configuration, CloudWatch, ...), or more, when it was
 *   seen to take more.
 * - `share` is this replica's part of it (share.ts).
 * - `level` is what feedback makes of it, the same on all replicas that see the same stream: HEADROOM while nothing is
 *   throttled, less where the stream takes less than was found, more in growth mode.
 *
 * | in an epoch | then the level |
 * |---|---|
 * | something was throttled | falls to what the stream took since it last throttled, a half at most; where it did not probe, to 0.7 of what it was at most |
 * | the same, in the pause after a cut | falls by the failed fraction of the bytes, 5 % at least, a half at most |
 * | nothing, and the pacer limited, below what the stream took | goes back to that within seconds, less HOLD |
 * | the same, at it or beyond it | probes: by 6 % per second at first, then faster for as long as nothing is throttled |
 * | nothing, and something else limited | stays |
 *
 * What the stream took: its token bucket was empty at one throttling, and is at the next, so what it accepted in between
 * is its quota. After each cut comes a pause of half the rate, in which its bucket fills a little.
 *
 * What probing costs is bounded: each refusal is paid for from an allowance that is a set fraction of the replica's part,
 * and while that is overdrawn nothing probes. So large records are risked more seldom than small ones. Steps are in parts
 * of this replica's share: those of a whole fleet add up to those of a single one.
 *
 * A fleet probes and backs off as one, or each of its replicas would pay for the same news. Whoever is refused brings the
 * others' mean down, and they follow at once; up they follow by halves. A replica whose own refusals are dear (its part is
 * a few records per second) does not follow others that probe until it has paid for the last one.
 *
 * Growth mode: a Direct PUT stream raises its limits only while it throttles. So while the backlog is older than its
 * objective, the level may go beyond the ceiling; the allowance still bounds what is throttled. Otherwise HEADROOM is the
 * most. When more was accepted than the ceiling for some seconds, the ceiling is believed to be that.
 *
 * Shape and constants: additive increase, multiplicative decrease (Chiu and Jain, 1989) with CUBIC's idea (RFC 9438) of
 * staying near the last known limit before looking beyond it. `InternalFailure` and time-outs are not told here, and so
 * change nothing: they say nothing about the quota.
 */
import { assert } from "../../errors.ts";
import type { Division } from "../peers/share.ts";
import type { Quota } from "./pacer.ts";

/** What happened since the last epoch ended. */
export interface Epoch {
  readonly durationMs: number;
  readonly acceptedBytes: number;
  /** Refused because the stream was over its quota. */
  readonly throttledBytes: number;
  /** The same, of calls made before the last cut: they cost as much, and tell nothing of the rate since. */
  readonly lateThrottledBytes: number;
  /** Whether there was more to send, and the pacer is what held it back. */
  readonly isPacerLimited: boolean;
  /** How long the oldest log record that is not delivered has waited. */
  readonly backlogAgeMs: number;
}

export interface RateOptions extends Partial<Risk> {
  readonly ceiling: Quota;
  readonly share?: number;
  readonly replicas?: number;
}

/** How far it may go in looking for the stream's limit. */
export interface Risk {
  /** A backlog that is older may grow the stream. */
  readonly backlogAgeMsObjective: number;
  /** The part of the bytes that may be throttled by looking for the limit. */
  readonly throttledFractionMax: number;
  /** The same while the backlog is older than its objective; 0 never goes beyond the ceiling. */
  readonly growthThrottledFractionMax: number;
}

export interface RateStatus {
  /** What the stream takes per second, as it was found. */
  readonly ceiling: Quota;
  /** The same in bytes, by what it was seen to take. */
  readonly believedBytesPerSecond: number;
  readonly share: number;
  readonly replicas: number;
  readonly bytesPerSecond: number;
  readonly level: number;
  /** Of the bytes sent in the last seconds, the part that was throttled. */
  readonly failedFraction: number;
  readonly isGrowing: boolean;
}

/** As in config/pacing.ts. */
const RISK_DEFAULT: Risk = {
  backlogAgeMsObjective: 60_000,
  throttledFractionMax: 0.006,
  growthThrottledFractionMax: 0.008,
};

/** Never quite the quota: clocks differ, and so do opinions of where a second begins. */
const HEADROOM = 0.99;

/** How far each exchange brings the level up to the others' mean. Down to it, it goes at once. */
const AGREEMENT = 0.5;

/** What the stream took, less a little: where the level stays until the allowance lets it probe. */
const HOLD = 0.985;

/** For a moment after a cut the level is this part of what the stream took, so that its bucket is not empty any more. */
const PAUSE = 0.5;

const CUT_MIN = 0.05;
const CUT_MAX = 0.5;

/** After a cut, most of the way back to what was known takes this long, and the last bit is jumped. */
const RECOVERY_MS = 1_500;
const CLOSE = 0.02;

/** Beyond what is known: per second, of the level. */
const PROBE_STEP = 0.06;
/** A probe that is not throttled for this long is twice as fast then, and so on up to the most. */
const PROBE_DOUBLING_MS = 600;
const PROBE_STEP_MAX = 0.4;

/** Throttled where it was not before: the limit has moved, and nobody knows how far. */
const MOVED = 0.7;

/** What is accepted between two throttlings tells what the stream takes, when there is at least this long between. */
const CERTAIN_MS = 1_000;

/** What lies further back counts less. */
const SINCE_MS_MAX = 16_000;

/** The level never falls below this: something has to be sent to see what becomes of it. */
const LEVEL_MIN = 0.01;

/** Over how long what is accepted, and what is throttled, are averaged. */
const ACCEPTED_MEAN_MS = 2_000;
const FAILED_MEAN_MS = 5_000;

/** Below the level of which this makes one, what is earned is in proportion to it. */
const EARNED_PART = 1.5;
/** The allowance is at most what is earned in this time, and overdrawn by so many seconds of the rate at most. */
const ALLOWANCE_EARNED_MS_MAX = 5_000;
const OVERDRAWN_MAX = 0.25;
/** An allowance overdrawn by more seconds of the rate keeps the level from following others that probe. */
const DEBT_LARGE = 0.1;
/** A refusal of more seconds of the rate than this weighs more: what is sent again is as large, and refused more easily. */
const REFUSAL_LARGE = 0.07;

/** Accepting more than the ceiling for this long is no burst. */
const BELIEVE_AFTER_MS = 3_000;

export class RateController {
  #risk: Risk;
  #ceiling: Quota;
  /** Bytes per second. */
  #believed: number;
  #share: number;
  #replicas: number;
  #isCoordinated = true;
  #level = HEADROOM;
  /** The level that the stream took when it last throttled. */
  #known = Number.POSITIVE_INFINITY;
  /** Where to go on after the pause that follows a cut. */
  #resume = HEADROOM;
  /** A cut was made, and its pause is not over. */
  #isPausing = false;
  #probingMs = 0;
  #aboveMs = 0;
  /** Mean of what was accepted while the pacer limited, as a level; undefined until something was. */
  #acceptedLevel: number | undefined;
  #failedFraction = 0;
  /** In seconds of the replica's full rate. */
  #allowance = 0;
  #isGrowing = false;
  #isLimiting = false;
  /** Since something was last throttled, or something else limited. */
  #since = { bytes: 0, ms: 0 };

  constructor(options: RateOptions) {
    this.#risk = { ...RISK_DEFAULT, ...options };
    this.#assertRisk();
    this.#ceiling = options.ceiling;
    this.#believed = options.ceiling.bytesPerSecond;
    this.#share = options.share ?? 1;
    this.#replicas = options.replicas ?? 1;
    this.#assertShare();
  }

  /** Goes as far as this, from now on. */
  setRisk(risk: Risk): void {
    this.#risk = risk;
    this.#assertRisk();
  }

  /** The stream's quota was found to be this. The same as before changes nothing. */
  setCeiling(quota: Quota): void {
    const before = this.#ceiling.bytesPerSecond;
    this.#ceiling = quota;
    if (quota.bytesPerSecond === before) return;
    this.#believe(quota.bytesPerSecond);
    if (quota.bytesPerSecond > before) this.#known = Number.POSITIVE_INFINITY;
    // The news is newer than what feedback has found: what was true of the old limit is not of this one.
    this.#level = HEADROOM;
  }

  /**
   * This replica's part of the quota, 0 to 1, of so many replicas. Where nobody coordinates, the part is where feedback
   * begins, and not a limit.
   */
  setShare({ share, replicas, isCoordinated, streamBytesPerSecond }: Division): void {
    this.#share = share;
    this.#replicas = replicas;
    this.#isCoordinated = isCoordinated;
    this.#assertShare();
    if (streamBytesPerSecond !== undefined) {
      const others = streamBytesPerSecond / this.#believed;
      if (this.#isPausing) this.#resume += (others - this.#resume) * AGREEMENT;
      else this.#level = this.#agree(others);
    }
    this.#level = Math.min(this.#level, this.#levelMax());
  }

  /** The level on the way to the others' mean. */
  #agree(others: number): number {
    // Who was refused has seen what the rest are about to see: each that learns it the hard way costs a refusal more.
    if (others <= this.#level) return others;
    const most = this.#allowance < -DEBT_LARGE ? this.#known * HOLD : Number.POSITIVE_INFINITY;
    return Math.max(this.#level, Math.min(most, this.#level + (others - this.#level) * AGREEMENT));
  }

  /** To be called once per epoch, and at once when something was throttled that was sent since the last cut. */
  observe(epoch: Epoch): void {
    const { durationMs, acceptedBytes, throttledBytes, isPacerLimited, backlogAgeMs } = epoch;
    const { growthThrottledFractionMax, backlogAgeMsObjective } = this.#risk;
    this.#isGrowing = growthThrottledFractionMax > 0 && backlogAgeMs > backlogAgeMsObjective;
    this.#isLimiting = isPacerLimited || throttledBytes > 0;
    this.#average(epoch);
    if (throttledBytes > 0) {
      this.#backOff(throttledBytes / (acceptedBytes + throttledBytes));
      return;
    }
    if (this.#isPausing) {
      this.#isPausing = false;
      this.#level = Math.max(this.#level, this.#resume * HOLD);
    } else if (isPacerLimited) this.#grow(durationMs);
    else this.#probingMs = 0;
    this.#level = Math.min(this.#level, Math.max(this.#levelMax(), LEVEL_MIN));
    this.#believeMore(durationMs);
  }

  /** What to give to the pacer. All three scale together, as the stream's own limits do. */
  get quota(): Quota {
    const factor = Math.max((this.#believed / this.#ceiling.bytesPerSecond) * this.#share * this.#level, 1e-6);
    return {
      bytesPerSecond: this.#ceiling.bytesPerSecond * factor,
      recordsPerSecond: this.#ceiling.recordsPerSecond * factor,
      requestsPerSecond: this.#ceiling.requestsPerSecond * factor,
    };
  }

  /** Whether the next epoch should be a short one: PAUSE_MS. */
  get isPausing(): boolean {
    return this.#isPausing;
  }

  /** What the whole stream takes, by what this replica is answered; undefined while something else limits it. */
  get streamBytesPerSecond(): number | undefined {
    return this.#isLimiting ? this.#believed * (this.#isPausing ? this.#resume : this.#level) : undefined;
  }

  status(): RateStatus {
    return {
      ceiling: this.#ceiling,
      believedBytesPerSecond: this.#believed,
      share: this.#share,
      replicas: this.#replicas,
      bytesPerSecond: this.quota.bytesPerSecond,
      level: this.#level,
      failedFraction: this.#failedFraction,
      isGrowing: this.#isGrowing,
    };
  }

  /** Bytes per second at level 1. */
  get #full(): number {
    return Math.max(this.#believed * this.#share, 1);
  }

  #levelMax(): number {
    if (this.#isGrowing) return Number.POSITIVE_INFINITY;
    return this.#isCoordinated ? HEADROOM : HEADROOM * this.#replicas;
  }

  #average({ durationMs, acceptedBytes, throttledBytes, lateThrottledBytes, isPacerLimited }: Epoch): void {
    const refused = throttledBytes + lateThrottledBytes;
    const failed = refused === 0 ? 0 : refused / (acceptedBytes + refused);
    this.#failedFraction += (failed - this.#failedFraction) * (1 - Math.exp(-durationMs / FAILED_MEAN_MS));
    const cost = refused / this.#full;
    const fraction = this.#isGrowing ? this.#risk.growthThrottledFractionMax : this.#risk.throttledFractionMax;
    // By time, where the level is not far down: what has halved should be looked at again as soon as what has not.
    const part = acceptedBytes > 0 ? Math.min(1, this.#level * EARNED_PART) : 0;
    const earned = (durationMs / 1000) * part * fraction;
    const allowance = this.#allowance + earned - cost;
    const most = (ALLOWANCE_EARNED_MS_MAX / 1000) * fraction;
    // What a limit that moves costs is not held against the probes for it: one refusal is paid for, the last.
    this.#allowance = Math.min(
      most,
      cost > 0 ? Math.max(allowance, -Math.min(cost * Math.max(1, cost / REFUSAL_LARGE), OVERDRAWN_MAX)) : allowance,
    );
    if (isPacerLimited || refused > 0) {
      this.#since = { bytes: this.#since.bytes + acceptedBytes, ms: this.#since.ms + durationMs };
      while (this.#since.ms > SINCE_MS_MAX) this.#since = { bytes: this.#since.bytes / 2, ms: this.#since.ms / 2 };
    } else this.#since = { bytes: 0, ms: 0 };
    if (durationMs <= 0 || (!isPacerLimited && refused === 0)) return;
    const level = acceptedBytes / (durationMs / 1000) / this.#full;
    const before = this.#acceptedLevel ?? level;
    this.#acceptedLevel = before + (level - before) * (1 - Math.exp(-durationMs / ACCEPTED_MEAN_MS));
  }

  #backOff(failed: number): void {
    if (this.#isPausing) {
      // Too little was seen since to tell what the stream takes: only that it is less.
      this.#resume *= 1 - Math.min(CUT_MAX, Math.max(CUT_MIN, failed));
    } else {
      const { bytes, ms } = this.#since;
      // The stream's bucket was empty at the last throttling as it is now: what it took in between is what it takes.
      const takenLevel = ms > 0 ? bytes / (ms / 1000) / this.#full : 0;
      const taken = Math.min(this.#level, Math.max(this.#level * (1 - CUT_MAX), takenLevel));
      const isCertain = ms >= CERTAIN_MS && bytes > 0;
      this.#resume = isCertain && this.#probingMs === 0 ? Math.min(taken, this.#level * MOVED) : taken;
      // Nothing taken at all is an outage, and not a limit.
      if (bytes > 0) this.#known = isCertain ? taken : Math.min(this.#known, this.#level);
      this.#since = { bytes: 0, ms: 0 };
    }
    this.#resume = Math.max(LEVEL_MIN, this.#resume);
    this.#level = Math.max(LEVEL_MIN, this.#resume * PAUSE);
    this.#isPausing = true;
    this.#probingMs = 0;
    this.#aboveMs = 0;
    // What was believed beyond the ceiling was seen, and now something else is.
    if (this.#believed > this.#ceiling.bytesPerSecond && this.#resume < 1) {
      this.#believe(Math.max(this.#ceiling.bytesPerSecond, this.#believed * this.#resume));
    }
  }

  #grow(durationMs: number): void {
    const seconds = durationMs / 1000;
    const hold = Number.isFinite(this.#known) ? this.#known * HOLD : HEADROOM;
    if (this.#level < hold * (1 - CLOSE)) {
      this.#level += (hold - this.#level) * (1 - Math.exp(-durationMs / RECOVERY_MS));
      return;
    }
    this.#level = Math.max(this.#level, hold);
    if (this.#level >= this.#levelMax()) {
      this.#probingMs = 0;
      return;
    }
    if (this.#allowance < 0) return;
    const step = Math.min(PROBE_STEP_MAX, PROBE_STEP * 2 ** (this.#probingMs / PROBE_DOUBLING_MS));
    this.#probingMs += durationMs;
    this.#level += this.#level * step * seconds;
  }

  #believeMore(durationMs: number): void {
    // At the ceiling or below, a burst is all that more can be.
    const accepted = Math.min(this.#level, this.#acceptedLevel ?? 0) * (this.#isCoordinated ? 1 : this.#share);
    this.#aboveMs = accepted > 1 ? this.#aboveMs + durationMs : 0;
    if (this.#aboveMs >= BELIEVE_AFTER_MS) this.#believe(this.#believed * accepted);
  }

  /** Changes what level 1 is, and keeps the rate. */
  #believe(bytesPerSecond: number): void {
    const factor = this.#believed / bytesPerSecond;
    this.#believed = bytesPerSecond;
    this.#level *= factor;
    this.#known *= factor;
    this.#resume *= factor;
    this.#allowance *= factor;
    if (this.#acceptedLevel !== undefined) this.#acceptedLevel *= factor;
  }

  #assertRisk(): void {
    for (const fraction of [this.#risk.throttledFractionMax, this.#risk.growthThrottledFractionMax]) {
      assert(fraction >= 0 && fraction < 1, "a fraction is from 0 to below 1");
    }
  }

  #assertShare(): void {
    assert(this.#share >= 0 && this.#share <= 1, "a share is from 0 to 1");
    assert(this.#replicas >= 1, "there is at least one replica");
  }
}
