/** What the demo shows while it runs: a block that is drawn over itself on a terminal, a line now and then elsewhere. */

export interface Progress {
  readonly elapsedSeconds: number;
  readonly sent: number;
  readonly total: number;
  readonly acknowledged: number;
  /** Accepted and not yet delivered; undefined while the collector is down. */
  readonly onDisk: number | undefined;
  readonly delivered: number;
  readonly deliveredBytes: number;
  readonly throttledRecords: number;
  readonly drainSeconds: number | undefined;
  readonly note: string;
}

const BAR_WIDTH = 40;
const PLAIN_INTERVAL_MS = 2_000;

export class ProgressView {
  readonly #out: NodeJS.WriteStream;
  #linesDrawn = 0;
  #plainAtMs = Number.NEGATIVE_INFINITY;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  show(progress: Progress): void {
    if (this.#out.isTTY) {
      this.clear();
      const lines = draw(progress);
      this.#out.write(`${lines.join("\n")}\n`);
      this.#linesDrawn = lines.length;
    } else if (performance.now() - this.#plainAtMs >= PLAIN_INTERVAL_MS) {
      this.#plainAtMs = performance.now();
      this.#out.write(`${summarise(progress)}\n`);
    }
  }

  /** A line that stays. */
  say(text: string): void {
    this.clear();
    this.#out.write(`${text}\n`);
  }

  /** Takes the block away. */
  clear(): void {
    if (this.#linesDrawn > 0) this.#out.write(`\u001b[${this.#linesDrawn}F\u001b[J`);
    this.#linesDrawn = 0;
  }
}

function draw(progress: Progress): string[] {
  const { sent, total, acknowledged, delivered, onDisk, throttledRecords, drainSeconds, note } = progress;
  return [
    `  ${seconds(progress.elapsedSeconds)}  ${note}`,
    `  sent          ${bar(sent / total)} ${count(sent)}`,
    `  acknowledged  ${bar(acknowledged / total)} ${count(acknowledged)}`,
    `  delivered     ${bar(delivered / total)} ${count(delivered)}`,
    `  on disk, waiting ${onDisk === undefined ? "-" : count(onDisk)}   throttled ${count(throttledRecords)}   drained in ${drainSeconds === undefined ? "-" : seconds(drainSeconds)}`,
  ];
}

/** One line, for logs and pipes. */
export function summarise(progress: Progress): string {
  const { elapsedSeconds, sent, acknowledged, delivered, onDisk, throttledRecords, drainSeconds, note } = progress;
  return [
    seconds(elapsedSeconds),
    `sent ${count(sent)}`,
    `acknowledged ${count(acknowledged)}`,
    `on disk ${onDisk === undefined ? "-" : count(onDisk)}`,
    `delivered ${count(delivered)}`,
    `throttled ${count(throttledRecords)}`,
    `drained in ${drainSeconds === undefined ? "-" : seconds(drainSeconds)}`,
    note,
  ].join("  ");
}

function bar(share: number): string {
  const full = Math.round(Math.min(1, share) * BAR_WIDTH);
  return "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
}

export function count(value: number): string {
  return value.toLocaleString("en-GB");
}

export function seconds(value: number): string {
  return `${value.toFixed(1)} s`.padStart(7);
}
