/** uPlot in a component: made once, given new columns every second, as wide as its place, in the page's colours. */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { Columns } from "../model.ts";

export interface Line {
  readonly label: string;
  /** Name of a custom property of the style sheet. */
  readonly colour: string;
  readonly isDashed?: boolean;
  readonly isFilled?: boolean;
}

export interface ChartProps {
  readonly title: string;
  /** What it shows now, in words, for who can't see it. */
  readonly summary: string;
  readonly lines: readonly Line[];
  readonly columns: Columns;
  readonly format: (value: number) => string;
  /** Bytes: the axis is divided by powers of two. */
  readonly isBytes?: boolean;
  /** The top of the axis for what is shown; a little above the largest value, unless told. Always the same function. */
  readonly top?: (columns: Columns) => number;
}

const POWERS_OF_TWO = Array.from({ length: 50 }, (_, power) => 2 ** power);

/** From what distance of ticks on, how the time is written. */
const CLOCK: uPlot.Axis.Values = [
  [60, "{HH}:{mm}", null, null, null, null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1],
];

const HEIGHT = 180;
const AXIS_WIDTH = 66;

export function Chart({ title, summary, lines, columns, format, isBytes = false, top }: ChartProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(columns);
  latest.current = columns;

  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    const make = (): void => {
      plot.current?.destroy();
      const style = getComputedStyle(element);
      const colour = (name: string): string => style.getPropertyValue(name).trim();
      const axis = {
        stroke: colour("--muted"),
        grid: { stroke: colour("--grid"), width: 1 },
        ticks: { show: false },
        font: "11px system-ui, sans-serif",
      };
      plot.current = new uPlot(
        {
          width: element.clientWidth,
          height: HEIGHT,
          cursor: { y: false },
          legend: { show: false },
          scales: {
            y: { range: (_plot, _low, high) => [0, top?.(latest.current) ?? Math.max(1, (high ?? 0) * 1.05)] },
          },
          axes: [
            { ...axis, values: CLOCK, space: 80, size: 28 },
            {
              ...axis,
              size: AXIS_WIDTH,
              values: (_plot, values) => values.map(format),
              ...(isBytes ? { incrs: POWERS_OF_TWO } : {}),
            },
          ],
          series: [
            {},
            ...lines.map(({ label, colour: name, isDashed, isFilled }) => ({
              label,
              stroke: colour(name),
              width: 2,
              points: { show: false },
              ...(isDashed === true ? { dash: [6, 4] } : {}),
              ...(isFilled === true ? { fill: `${colour(name)}22` } : {}),
            })),
          ],
        },
        latest.current as unknown as uPlot.AlignedData,
        element,
      );
    };
    make();
    const resized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    resized.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", make);
    return () => {
      resized.disconnect();
      scheme.removeEventListener("change", make);
      plot.current?.destroy();
    };
  }, []);

  useEffect(() => plot.current?.setData(columns as unknown as uPlot.AlignedData), [columns]);

  return (
    <figure class="card chart">
      <figcaption>
        <h3>{title}</h3>
        <ul class="legend">
          {lines.map(({ label, colour, isDashed }) => (
            <li key={label}>
              <span class={isDashed === true ? "key dashed" : "key"} style={{ "--key": `var(${colour})` }} />
              {label}
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={place} role="img" aria-label={`${title}. ${summary}`} />
    </figure>
  );
}
