/**
 * How many bytes each stream may have under way, so that the windows of all together stay within one bound.
 *
 * A window is a power of two, the largest that leaves as much to everybody: so streams that come and go change it
 * seldom, and telling everybody costs a stream no more than a few messages however many there get to be. It shrinks at
 * once and grows only when there is half as much again as it needs, or a stream that comes and goes would change it
 * every time.
 */
export interface WindowLimits {
  /** Of all streams together. */
  readonly bytesMax: number;
  /** Of one. */
  readonly windowBytesMax: number;
}

const GROWTH_MARGIN = 1.5;

/** The window of each of `streams` streams, where it has been `current` so far; 0 for none so far. */
export function windowBytesFor(streams: number, current: number, { bytesMax, windowBytesMax }: WindowLimits): number {
  const fits = windowThatFits(bytesMax, streams, windowBytesMax);
  if (fits <= current || current === 0) return fits;
  return Math.max(current, windowThatFits(bytesMax, streams * GROWTH_MARGIN, windowBytesMax));
}

function windowThatFits(bytesMax: number, streams: number, windowBytesMax: number): number {
  const share = Math.min(windowBytesMax, bytesMax / Math.max(1, streams));
  return 2 ** Math.floor(Math.log2(Math.max(1, share)));
}
