/** The number line of a route, to scale: all of it, and below it the part that is still on disk. */

import { count, diskLine, type Part, wholeLine } from "../model.ts";
import type { LineSnapshot } from "../shapes.ts";

const WORDS: Readonly<Record<Part["kind"], string>> = {
  reclaimed: "delivered, deleted here",
  delivered: "delivered, still on disk",
  quarantined: "put into quarantine",
  flight: "in flight",
  waiting: "waiting",
};

export function NumberLine({ line }: { readonly line: LineSnapshot }) {
  const whole = wholeLine(line);
  return (
    <section class="card line" aria-label="Number line">
      <h3>Every log record, to scale</h3>
      <Bar parts={whole} title="all since the route began" from={line.start} to={line.head} />
      <Bar parts={diskLine(line)} title="what is still on disk" from={Math.max(line.tail, line.start)} to={line.head} />
      <ul class="legend">
        {whole.map(({ kind, logRecords }) => (
          <li key={kind}>
            <span class={`key ${kind}`} />
            {WORDS[kind]} <b>{count(logRecords)}</b>
          </li>
        ))}
      </ul>
    </section>
  );
}

interface BarProps {
  readonly parts: readonly Part[];
  readonly title: string;
  readonly from: number;
  readonly to: number;
}

function Bar({ parts, title, from, to }: BarProps) {
  const words = parts.map(({ kind, logRecords }) => `${WORDS[kind]} ${count(logRecords)}`).join(", ");
  return (
    <div class="bar-row">
      <div class="bar-title">{title}</div>
      <div class="bar" role="img" aria-label={`${title}: ${words}`}>
        {parts.map(({ kind, width, logRecords }) => (
          <span key={kind} class={kind} style={{ width: `${width * 100}%`, minWidth: logRecords > 0 ? "2px" : "0" }} />
        ))}
      </div>
      <div class="bar-ends">
        <span>{count(from)}</span>
        <span>{count(to)}</span>
      </div>
    </div>
  );
}
