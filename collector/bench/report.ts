/** Figures as a table for people and as JSON for machines. Pure. */
import { type Figure, isReached, type Unit } from "./figures.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly bun: string;
}

const MIB = 1024 * 1024;

/** Rows under a head, columns as wide as their widest cell, ended by a line feed. */
export function toTable(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.name,
    show(figure.value, figure.unit),
    figure.reach === undefined
      ? ""
      : `${figure.reach.bound === "least" ? ">=" : "<="} ${show(figure.reach.of, figure.unit)}`,
    { true: "reached", false: "MISSED", undefined: "" }[String(isReached(figure))] ?? "",
    figure.parts.map(({ label, value, unit }) => `${label} ${show(value, unit)}`).join(", "),
  ]);
  const all = [["figure", "value", "reach", "", "behind it"], ...rows];
  const widths = [0, 1, 2, 3].map((column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const notes = figures.flatMap(({ name, note }) => (note === undefined ? [] : [`${name}: ${note}`]));
  const missed = figures.filter((figure) => isReached(figure) === false).length;
  const isHeld = figures.some(({ reach }) => reach !== undefined);
  const verdict = !isHeld
    ? "Nothing was to be reached."
    : missed === 0
      ? "All reached."
      : `${missed} of ${figures.length} figures MISSED their reach.`;
  return `${[...lines, "", ...notes, ...(notes.length > 0 ? [""] : []), verdict].join("\n")}\n`;
}

export function toJson(report: { atMs: number; machine: Machine; figures: readonly Figure[] }): string {
  const figures = report.figures.map((figure) => ({ ...figure, reached: isReached(figure) ?? null }));
  const at = new Date(report.atMs).toISOString();
  return `${JSON.stringify({ at, machine: report.machine, figures }, null, 2)}\n`;
}

/** A value as people read it. */
export function show(value: number, unit: "ratio" | Unit): string {
  switch (unit) {
    case "ratio":
      return value.toFixed(2);
    case "logs/s":
      return `${Math.round(value).toLocaleString("en-GB")} logs/s`;
    case "us":
      return `${value.toFixed(2)} us`;
    case "ms":
      return `${value.toFixed(2)} ms`;
    case "bytes":
      return value < 10 * MIB * 1024 ? `${(value / MIB).toFixed(1)} MiB` : `${(value / MIB / 1024).toFixed(1)} GiB`;
    case "B":
      return `${Math.round(value)} bytes`;
    case "seconds":
      return `${value.toFixed(1)} s`;
  }
}
