/**
 * The numbers of a collector's messages to the others, each higher than the one before, also after a restart; and whoever
 * sends under its id numbers that it never gave: a process on a copy of its volume.
 */
import type { Clock } from "../../clock.ts";
import type { Log } from "../../log.ts";

export class Twins {
  readonly #log: Log;
  readonly #collectorId: string;
  readonly #start: number;
  #last: number;
  #isTold = false;

  constructor({ collectorId, clock, log }: { collectorId: string; clock: Clock; log: Log }) {
    this.#collectorId = collectorId;
    this.#log = log;
    // A restart goes on above where it was: in each millisecond fewer than a thousand messages can be sent.
    this.#start = Math.floor(clock.nowMs()) * 1_000;
    this.#last = this.#start;
  }

  /** For the next message. */
  nextNumber(): number {
    this.#last++;
    return this.#last;
  }

  /** A message under this collector's id: its own, since its address may be among the others', or a twin's, which is told once. */
  note(number: number): void {
    if (this.#isTold || (number > this.#start && number <= this.#last)) return;
    this.#isTold = true;
    this.#log.error(
      { collectorId: this.#collectorId },
      `another process has this journal's id, ${this.#collectorId}: one of the two runs on a copy of the other's volume, so both give the same ids to different logs, and each sends as if it were alone; stop one, and see "Copies of a volume" in deploy/README.md`,
    );
  }
}
