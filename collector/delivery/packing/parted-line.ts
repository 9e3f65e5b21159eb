/**
 * A line on its way in parts, of which Firehose takes or refuses each for itself, and which is still one log record: its
 * ordinal is settled once.
 *
 * | what happens | then |
 * |---|---|
 * | every part is taken | the log record is delivered |
 * | a part is refused for good | the whole log record goes into quarantine, as it was sent; parts that have not left are not sent |
 * | a part was taken before that, or is under way | it lies in S3: the quarantine says which, by their numbers |
 *
 * Whoever joins parts finds that some are missing, by `parts`. Sent again from quarantine, the log record gets a new ordinal
 * and so parts of their own name: the two can't be mixed.
 */
export class PartedLine {
  readonly #parts: number;
  readonly #taken = new Set<number>();
  readonly #underWay = new Set<number>();
  #isQuarantined = false;

  constructor(parts: number) {
    this.#parts = parts;
  }

  /** One of its parts was refused: the others are not to be sent any more. */
  get isQuarantined(): boolean {
    return this.#isQuarantined;
  }

  send(part: number): void {
    this.#underWay.add(part);
  }

  /** It failed, and goes again. */
  giveBack(part: number): void {
    this.#underWay.delete(part);
  }

  /** Firehose has taken the part. Says whether the line is delivered with that. */
  take(part: number): boolean {
    this.#underWay.delete(part);
    this.#taken.add(part);
    return this.#taken.size === this.#parts && !this.#isQuarantined;
  }

  /** The part is refused for good. Returns what became of the others, in words. */
  refuse(part: number): string {
    this.#isQuarantined = true;
    this.#underWay.delete(part);
    const list = (parts: ReadonlySet<number>): string => [...parts].sort((a, b) => a - b).join(", ") || "none";
    const left = this.#parts - this.#taken.size - this.#underWay.size - 1;
    return (
      `this is about part ${part} of ${this.#parts}; parts taken before it: ${list(this.#taken)}; ` +
      `under way: ${list(this.#underWay)}; not sent: ${left}`
    );
  }
}

/** Which part of which line a record holds. */
export interface Part {
  readonly line: PartedLine;
  /** From 1. */
  readonly number: number;
}
