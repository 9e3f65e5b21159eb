/** The segments of the journal by their size, oldest first, and how far into them the route has come. */
import { bytes, count, segmentBars } from "../model.ts";
import type { LineSnapshot, SegmentSnapshot } from "../shapes.ts";

interface SegmentsProps {
  readonly segments: readonly SegmentSnapshot[];
  readonly line: LineSnapshot;
  readonly route: string;
}

export function Segments({ segments, line, route }: SegmentsProps) {
  const bars = segmentBars(segments, line.cursor);
  const sum = (pick: (segment: SegmentSnapshot) => number): number =>
    segments.reduce((all, each) => all + pick(each), 0);
  const number = sum((each) => each.segments);
  const passed = bars.reduce((all, { part, segments: of }) => all + (part === 1 ? of : 0), 0);
  const words = `${count(number)} segment${number === 1 ? "" : "s"}, ${bytes(sum((each) => each.bytes))}`;
  return (
    <section class="card line" aria-labelledby="segments">
      <h3 id="segments">
        Segments on disk, by size <span class="muted">each goes when every route has passed it</span>
      </h3>
      <div class="bar-row">
        <div class="bar-title">
          <span>oldest</span>
          <span>written to now</span>
        </div>
        <div class="segments" role="img" aria-label={`${words}; route ${route} has passed ${count(passed)} of them`}>
          {bars.map(({ first, width, part, isActive, title }) => (
            <span key={first} class={isActive ? "segment active" : "segment"} style={{ flexGrow: width }} title={title}>
              <span class="delivered" style={{ width: `${part * 100}%` }} />
            </span>
          ))}
        </div>
        <div class="bar-ends">
          <span>{words}</span>
          <span>{count(passed)} passed</span>
        </div>
      </div>
    </section>
  );
}
