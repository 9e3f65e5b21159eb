/**
 * A run as a picture (SVG): what the stream could take and what it took, what it refused, what each replica got, and what
 * was still waiting. Rendered without a browser.
 */
import { type EChartsCoreOption, init } from "echarts";
import type { Run, Seen, Step } from "./world.ts";
import { STEP_MS } from "./world.ts";

const MIB = 1024 * 1024;
const WIDTH = 1_000;
const HEIGHT = 880;

const INK = "#1f2937";
const FAINT = "#6b7280";
const RULE = "#e5e7eb";
const ACCEPTED = "#2563eb";
const REFUSED = "#dc2626";
const WAITING = "#b45309";
/** Told apart by most people with a colour vision deficiency (Okabe and Ito); more replicas than these share them. */
const REPLICAS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7f7f7f"];

/** Calls come in lumps: what is drawn is the mean of so many steps, a second and two. */
const SMOOTH = 4;
const SMOOTH_REPLICAS = 8;

/** More labels than this, and they would lie on each other. */
const LABELS_MAX = 8;

type Point = [number, number];

interface Text {
  readonly words: string;
  readonly color: string;
}

interface Panel {
  /** What is shown, in the colour of its line: a legend where it is read. The first at the left, the other at the right. */
  readonly titles: readonly Text[];
  readonly unit: string;
  readonly height: number;
  readonly lines: readonly {
    readonly points: Point[];
    readonly color: string;
    readonly width?: number;
    readonly isArea?: boolean;
    readonly isStep?: boolean;
  }[];
}

/** The picture as SVG. `subtitle` is what the run came to, in one line. */
export function draw(run: Run, subtitle: string): string {
  const chart = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height: HEIGHT });
  chart.setOption(optionOf(run, subtitle));
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}

function optionOf(run: Run, subtitle: string): EChartsCoreOption {
  const panels = panelsOf(run);
  const seconds = run.scenario.seconds;
  let top = 156;
  const tops = panels.map(({ height }) => {
    const mine = top;
    top += height + 62;
    return mine;
  });
  return {
    animation: false,
    backgroundColor: "#ffffff",
    textStyle: { fontFamily: "system-ui, sans-serif", color: INK },
    title: [
      {
        text: run.scenario.title,
        subtext: subtitle,
        left: 60,
        top: 16,
        textStyle: { fontSize: 18, color: INK },
        subtextStyle: { fontSize: 13, color: FAINT },
      },
      ...panels.flatMap(({ titles }, index) =>
        titles.map(({ words, color }, place) => ({
          text: words,
          ...(place === 0 ? { left: 60 } : { right: 50 }),
          top: (tops[index] ?? 0) - (index === 0 ? 56 : 28),
          textStyle: { fontSize: 13, fontWeight: "bold", color },
        })),
      ),
    ],
    grid: panels.map(({ height }, index) => ({ left: 64, right: 36, top: tops[index], height })),
    xAxis: panels.map((_, index) => ({
      gridIndex: index,
      type: "value",
      min: 0,
      max: seconds,
      interval: seconds > 120 ? 20 : 10,
      axisLine: { lineStyle: { color: FAINT } },
      axisTick: { show: false },
      splitLine: { show: false },
      axisLabel: { show: index === panels.length - 1, color: FAINT, formatter: "{value} s" },
    })),
    yAxis: panels.map(({ unit }, index) => ({
      gridIndex: index,
      type: "value",
      min: 0,
      splitNumber: 3,
      axisLabel: { color: FAINT, formatter: (value: number) => `${value}${unit}` },
      splitLine: { lineStyle: { color: RULE } },
    })),
    series: panels.flatMap(({ lines }, index) =>
      lines.map(({ points, color, width = 1.8, isArea = false, isStep = false }, line) => ({
        type: "line",
        xAxisIndex: index,
        yAxisIndex: index,
        showSymbol: false,
        data: points,
        step: isStep ? "end" : false,
        lineStyle: { color, width },
        itemStyle: { color },
        ...(isArea ? { areaStyle: { color, opacity: 0.18 } } : {}),
        ...(line === 0 ? { markLine: marks(run, index === 0) } : {}),
      })),
    ),
  };
}

function panelsOf({ steps, scenario }: Run): Panel[] {
  const perSecond = 1000 / STEP_MS / MIB;
  const sum = (step: Step, of: (seen: Seen) => number): number =>
    step.replicas.reduce((total, seen) => total + of(seen), 0);
  const series = (smooth: number, of: (step: Step) => number): Point[] => smoothed(steps, smooth, of);
  const accepted = (step: Step): number => sum(step, (seen) => seen.acceptedBytes);
  const refused = (step: Step): number => sum(step, (seen) => seen.throttledBytes);
  const count = steps[0]?.replicas.length ?? 0;
  return [
    {
      titles: [
        { words: "accepted by the stream, MiB/s", color: ACCEPTED },
        { words: "what it can take", color: INK },
      ],
      unit: "",
      height: 190,
      lines: [
        { points: series(SMOOTH, (step) => accepted(step) * perSecond), color: ACCEPTED, isArea: true },
        {
          points: steps.map((step) => [step.seconds, step.availableBytes * perSecond]),
          color: INK,
          isStep: true,
          width: 1.4,
        },
      ],
    },
    {
      titles: [{ words: "throttled, of what was sent", color: REFUSED }],
      unit: " %",
      height: 90,
      lines: [
        {
          points: ratios(steps, SMOOTH, refused, (step) => accepted(step) + refused(step)),
          color: REFUSED,
          isArea: true,
          width: 1.2,
        },
      ],
    },
    {
      titles: [
        { words: count === 1 ? "the one replica, MiB/s" : `each of the ${count} replicas, MiB/s`, color: INK },
        { words: "means of two seconds", color: FAINT },
      ],
      unit: "",
      height: 130,
      lines: Array.from({ length: count }, (_, index) => ({
        points: series(SMOOTH_REPLICAS, (step) => (step.replicas[index]?.acceptedBytes ?? 0) * perSecond),
        color: REPLICAS[index % REPLICAS.length] ?? INK,
        width: count > REPLICAS.length ? 0.8 : 1.4,
      })),
    },
    {
      titles: [{ words: "waiting, in seconds of the quota at the start", color: WAITING }],
      unit: " s",
      height: 90,
      lines: [
        {
          points: series(1, (step) => sum(step, (seen) => seen.backlogBytes) / MIB / scenario.quotaMibPerSecond),
          color: WAITING,
          isArea: true,
        },
      ],
    },
  ];
}

/** Means of the last `smooth` steps. */
function smoothed(steps: readonly Step[], smooth: number, of: (step: Step) => number): Point[] {
  return steps.map((step, index) => {
    const window = steps.slice(Math.max(0, index + 1 - smooth), index + 1);
    return [step.seconds + STEP_MS / 1000, window.reduce((total, each) => total + of(each), 0) / window.length];
  });
}

/** A sum over another, in percent, over the last `smooth` steps. */
function ratios(
  steps: readonly Step[],
  smooth: number,
  of: (step: Step) => number,
  over: (step: Step) => number,
): Point[] {
  const above = smoothed(steps, smooth, of);
  const below = smoothed(steps, smooth, over);
  return above.map(([seconds, value], index) => {
    const whole = below[index]?.[1] ?? 0;
    return [seconds, whole === 0 ? 0 : (100 * value) / whole];
  });
}

/** When something changed; what, only in the first panel. */
function marks({ changes }: Run, hasLabels: boolean): object {
  const shown = changes.filter(({ seconds }) => seconds > 0);
  return {
    silent: true,
    symbol: "none",
    lineStyle: { color: FAINT, type: [4, 4], width: 1 },
    label: {
      show: hasLabels && shown.length <= LABELS_MAX,
      color: FAINT,
      fontSize: 11,
      position: "end",
      align: "left",
    },
    // On two lines in turn, so that neighbours do not lie on each other.
    data: shown.map(({ seconds, what }, index) => ({
      xAxis: seconds,
      label: { formatter: what, distance: 4 + 14 * (index % 2) },
    })),
  };
}
