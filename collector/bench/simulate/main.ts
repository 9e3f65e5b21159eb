/**
 * `bun run simulate [scenario...]`: plays scenarios on a virtual clock, prints what each came to against what it should
 * reach, and draws each into bench-out/simulate/. Exit status 1 when a figure misses.
 */
import { mkdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { draw } from "./draw.ts";
import { type Figures, measure, missed, REACH } from "./measure.ts";
import { loadScenarios } from "./scenario.ts";
import { play } from "./world.ts";

const OUT = join(import.meta.dir, "../../../bench-out/simulate");

const COLUMNS: readonly {
  readonly title: string;
  readonly of: keyof Figures;
  readonly show: (value: number) => string;
}[] = [
  { title: "saturated", of: "saturatedSeconds", show: (value) => `${value.toFixed(0)} s` },
  { title: "used", of: "used", show: (value) => value.toFixed(3) },
  { title: "throttled", of: "throttled", show: percent },
  { title: "after a change", of: "throttledAfterChange", show: percent },
  { title: "Jain", of: "jain", show: (value) => value.toFixed(3) },
  { title: "recovered", of: "recoverySeconds", show: (value) => `${value.toFixed(1)} s` },
];

function percent(value: number): string {
  return `${(value * 100).toFixed(2)} %`;
}

const HELP = `The pacer and the shares of many replicas, in virtual time: what each scenario came to against what it should reach.

  bun run simulate [SCENARIO...]   all of them unless told; each is drawn into bench-out/simulate/

Exit status: 0 all reached, 1 a figure misses, 2 no such scenario.
`;

const words = process.argv.slice(2);
if (words.includes("--help") || words.includes("-h")) {
  process.stdout.write(HELP);
  process.exit(0);
}
const scenarios = await loadScenarios(words).catch((reason: Error) => {
  process.stderr.write(`simulate: ${reason.message}\n`);
  process.exit(2);
});
await mkdir(OUT, { recursive: true });
const width = Math.max(...scenarios.map(({ name }) => name.length));
const row = (cells: readonly string[]): string =>
  cells.map((cell, index) => (index === 0 ? cell.padEnd(width) : cell.padStart(15))).join(" ");
process.stdout.write(`${row(["scenario", ...COLUMNS.map(({ title }) => title)])}\n`);
let misses = 0;
for (const scenario of scenarios) {
  const run = await play(scenario);
  const figures = measure(run);
  const bad = missed(figures);
  misses += bad.length;
  const cells = COLUMNS.map(({ of, show }) => `${show(figures[of])}${bad.includes(of) ? " !" : "  "}`);
  process.stdout.write(`${row([scenario.name, ...cells])}\n`);
  const summary = COLUMNS.map(
    ({ title, of, show }) => `${title} ${show(figures[of])}${bad.includes(of) ? " (missed)" : ""}`,
  );
  await Bun.write(join(OUT, `${scenario.name}.svg`), draw(run, summary.join("   ")));
}
process.stdout.write(
  `\nreach: used ${REACH.usedMin}, throttled ${percent(REACH.throttledMax)}, in the 10 s after a change ` +
    `${percent(REACH.throttledAfterChangeMax)}, Jain ${REACH.jainMin}, recovered in ${REACH.recoverySecondsMax} s; ` +
    `${misses === 0 ? "all reached" : `${misses} missed (!)`}\ndrawn in ${relative(process.cwd(), OUT)}\n`,
);
process.exit(misses === 0 ? 0 : 1);
