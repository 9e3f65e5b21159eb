/** What is looked for, as options say it. */
import { listOf, type Option, type OptionValues, textOf } from "./command.ts";
import { Failure } from "./failure.ts";
import type { Query } from "./search.ts";
import { parseTime } from "./words.ts";

export const SEARCH_OPTIONS: readonly Option[] = [
  { flags: "--severity <name>", description: "this and worse: TRACE, DEBUG, INFO, WARN, ERROR, FATAL" },
  { flags: "--attribute <key=value>", description: "an attribute of the record or its resource", isList: true },
  { flags: "--filter <expression>", description: "as a route's filter: severity >= WARN and body =~ /time.?out/" },
];

export function timesOf(options: OptionValues): { sinceMs: number | undefined; untilMs: number | undefined } {
  const time = (name: string): number | undefined => {
    const text = textOf(options, name);
    const ms = text === undefined ? undefined : parseTime(text, Date.now());
    if (text !== undefined && ms === undefined)
      throw new Failure(`${text} is no time: say 2h, or 2026-11-22T08:00:00Z`);
    return ms;
  };
  return { sinceMs: time("since"), untilMs: time("until") };
}

export function queryOf(options: OptionValues, pattern: string | undefined): Query {
  return {
    pattern,
    ignoresCase: options.ignoreCase === true,
    isFixed: options.fixed === true,
    isInverted: options.invertMatch === true,
    severity: textOf(options, "severity"),
    attributes: listOf(options, "attribute"),
    filter: textOf(options, "filter"),
    ...timesOf(options),
  };
}
