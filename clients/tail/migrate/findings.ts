/** What a migration finds, and where: file and line of each directive. */

export type FindingKind =
  /** It does the same now. */
  | "translated"
  /** It could lose logs, or did nothing for a misspelling, and is no longer so. */
  | "risk"
  /** Not needed any more, or to be done by hand: nothing is lost by it. */
  | "note"
  /** It has no counterpart: someone must look. */
  | "unsupported";

export interface Place {
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

export interface Finding extends Place {
  readonly kind: FindingKind;
  /** As it was written, shortened. */
  readonly directive: string;
  readonly message: string;
}

export class Findings {
  readonly all: Finding[] = [];

  add(kind: FindingKind, { file, line }: Place, directive: string, message: string): void {
    this.all.push({
      kind,
      file,
      line,
      directive: directive.length > 100 ? `${directive.slice(0, 97)}...` : directive,
      message,
    });
  }
}

/** The report as text, in the order of files and lines. */
export function renderFindings(findings: readonly Finding[]): string {
  const count = (kind: FindingKind): number => findings.filter((each) => each.kind === kind).length;
  const titles: Readonly<Record<FindingKind, string>> = {
    unsupported: "No counterpart: look at these",
    risk: "Risky before, and no longer",
    note: "To know",
    translated: "Translated",
  };
  const parts = (Object.keys(titles) as FindingKind[])
    .filter((kind) => count(kind) > 0)
    .map((kind) => {
      const rows = findings
        .filter((each) => each.kind === kind)
        .toSorted((a, b) => a.file.localeCompare(b.file) || a.line - b.line)
        .map(({ file, line, directive, message }) => `  ${file}:${line}: ${directive}\n      ${message}`);
      return `${titles[kind]} (${rows.length})\n${rows.join("\n")}\n`;
    });
  return parts.join("\n");
}
