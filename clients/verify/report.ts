/** What a run found, in words or as JSON, and whether it proves that nothing is missing. Pure. */
import { type Judgement, type OriginJudgement, recordsTaken } from "./judgement.ts";
import type { Range } from "./ordinal-set.ts";
import type { Findings } from "./verify.ts";

/** 0: all that was delivered is there. 1: something is missing, unreadable, or was not looked at. 2: it proves nothing. */
export function exitCodeOf(findings: Findings): 0 | 1 | 2 {
  const { unreadable, isPartial, lines, linesWithoutId } = findings;
  if (lines > 0 && linesWithoutId === lines) return 2;
  return isPartial || unreadable.count > 0 || lostIn(findings) > 0n || unprovedIn(findings) > 0n ? 1 : 0;
}

export function toText(findings: Findings): string {
  const { objects, lines, linesWithoutId, foreign, unreadable, judgements, isPartial } = findings;
  const out = [
    `${count(objects, "object")}, ${count(lines, "line")} read${isPartial ? " before it was stopped: not all" : ""}`,
  ];
  if (lines > 0 && linesWithoutId === lines) {
    out.push(
      "",
      "No line has a record id, so nothing can be proved: set `recordId: true` in the route (shape body can't hold one).",
    );
    return `${out.join("\n")}\n`;
  }
  for (const judgement of judgements) out.push("", ...describe(judgement));
  for (const origin of findings.origins) out.push("", ...describeOrigin(origin));
  const others = Object.entries(foreign.collectors).map(([collectorId, each]) => `${collectorId} (${each})`);
  out.push("");
  if (foreign.lines > 0)
    out.push(`foreign: ${count(foreign.lines, "line")} of collectors without a ledger here: ${others.join(", ")}`);
  if (linesWithoutId > 0) out.push(`without a record id: ${count(linesWithoutId, "line")}`);
  if (unreadable.count > 0) {
    out.push(`unreadable: ${count(unreadable.count, "object")}; what was read of them counts`);
    for (const { name, reason } of unreadable.objects.slice(0, 10)) out.push(`  ${name}: ${reason}`);
  }
  out.push(verdict(findings));
  return `${out.join("\n")}\n`;
}

function verdict(findings: Findings): string {
  const lost = lostIn(findings);
  if (lost > 0n) {
    const words = `MISSING: ${count(lost, "log record")} that the ledger has as delivered did not arrive.`;
    return findings.judgements.every(({ lost, late }) => lost <= late) &&
      findings.origins.every(({ lost }) => lost === 0n)
      ? `${words} ${LATE}`
      : words;
  }
  if (findings.isPartial) return "STOPPED before everything was read: run it again, with the same --state to go on.";
  if (findings.unreadable.count > 0) return "Nothing else is missing, but some objects are unreadable.";
  const unproved = unprovedIn(findings);
  if (unproved > 0n)
    return `UNPROVED: ${count(unproved, "log record")} did not arrive and may wait with a collector that took them: name its ledger as well.`;
  return "COMPLETE: all that the ledger has as delivered has arrived.";
}

const LATE = `They may all come after the last ones that arrived, and be with Firehose still:
it writes an object when its buffering interval is over (300 s unless it is configured). Take the ledger of now into a file (/status, as
JSON), wait so long, and verify with that: what is missing then is lost.`;

function lostIn({ judgements, origins }: Findings): bigint {
  return [...judgements, ...origins].reduce((sum, { lost }) => sum + lost, 0n);
}

function unprovedIn({ judgements }: Findings): bigint {
  return judgements.reduce((sum, { unproved }) => sum + unproved, 0n);
}

function describe(judgement: Judgement): string[] {
  const { ledger, arrived, missing, explained, lost, doubled, waiting, beyond, incomplete } = judgement;
  const taken = recordsTaken(ledger);
  const how = taken > 0n ? "filtered, quarantined or taken from others" : "filtered or quarantined";
  const out = [
    `collector ${ledger.collectorId}, route ${ledger.route}: ordinals ${ledger.start} to ${ledger.head}, finished below ${ledger.cursor}`,
    `  arrived   ${arrived}`,
    `  missing   ${missing} below the cursor; ${explained} of them ${how} by the ledger, ${lost} lost`,
    ...describeRanges(judgement.missingRanges, missing),
    ...(explained > 0n ? proofOf(judgement) : []),
    `  doubled   ${doubled}`,
    ...describeRanges(judgement.doubledRanges, doubled),
    `  waiting   ${waiting} above the cursor`,
  ];
  if (ledger.handedOver > 0n)
    out.push(
      `  handed    ${ledger.handedOver} over to others, who deliver them under this collector's id, or the one that they had`,
    );
  if (taken > 0n) out.push(`  taken     ${taken} of others, which arrive under the ids of those`);
  if (judgement.elsewhere > 0n)
    out.push(
      `  elsewhere ${judgement.elsewhere} of the missing wait with others that took them, or were filtered or quarantined there`,
    );
  if (judgement.unproved > 0n)
    out.push(
      `  unproved  ${judgement.unproved} of the missing were handed over to collectors whose ledgers are not named`,
    );
  if (ledger.replayed > 0n)
    out.push(
      `  replayed  ${ledger.replayed}: filtered or quarantined ones among them are counted twice, so as many may be lost unseen`,
    );
  if (incomplete > 0) out.push(`  in parts  ${incomplete} of which some parts did not arrive`);
  if (beyond > 0n)
    out.push(
      `  beyond    ${count(beyond, "line")} with an ordinal that this ledger has not given out: is it older than the objects?`,
    );
  return out;
}

/** What a count proves, and what it can't. */
function proofOf({ ledger, lost }: Judgement): string[] {
  const which =
    lost > 0n
      ? "so which of these are the lost ones can't be told"
      : "and none of these arrives, so that as many missing are no loss";
  return [
    `  by count  the ledger knows how many were filtered or quarantined, not which: ${which}`,
    ...(ledger.cursor < ledger.head
      ? [
          "            its counts hold what was finished beyond the cursor as well: to be sure to the last one take a ledger when nothing waits",
        ]
      : []),
  ];
}

function describeOrigin({
  collectorId,
  taken,
  arrived,
  missing,
  missingRanges,
  elsewhere,
  lost,
  doubled,
}: OriginJudgement): string[] {
  return [
    `collector ${collectorId}, without a ledger here: others took ${taken} of its log records`,
    `  arrived   ${arrived}`,
    `  missing   ${missing}; ${elsewhere} of them wait, or were filtered or quarantined, ${lost} lost`,
    ...describeRanges(missingRanges, missing),
    `  doubled   ${doubled}`,
  ];
}

function describeRanges(ranges: readonly Range[], all: bigint): string[] {
  if (ranges.length === 0) return [];
  const shown = ranges.reduce((sum, { first, end }) => sum + (end - first), 0n);
  const words = ranges.map(({ first, end }) => (end - first === 1n ? `${first}` : `${first}-${end - 1n}`));
  return [`            ${words.join(", ")}${shown < all ? ` and ${all - shown} more` : ""}`];
}

function count(number: number | bigint, what: string): string {
  return `${number.toLocaleString("en-US")} ${what}${Number(number) === 1 ? "" : "s"}`;
}

export function toJson(findings: Findings): string {
  const text = JSON.stringify(
    findings,
    (_, value: unknown) => (typeof value === "bigint" ? `\u0000${value}` : value),
    2,
  );
  return `${text.replace(/"\\u0000(-?\d+)"/g, "$1")}\n`;
}
