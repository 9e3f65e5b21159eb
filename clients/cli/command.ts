/** What a command is: a row of the table in commands.ts, from which parsing, help and completion are made. */
import type { Context } from "./context.ts";

export interface Option {
  /** As commander takes them: `-n, --limit <count>`. */
  readonly flags: string;
  readonly description: string;
  readonly fallback?: string;
  /** May be given several times. */
  readonly isList?: boolean;
}

/** Options by their long name in camel case. */
export type OptionValues = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface Command {
  /** One or two words. */
  readonly name: string;
  readonly summary: string;
  /** As commander takes them: `<route> [ordinals...]`. */
  readonly arguments?: readonly { readonly name: string; readonly description: string }[];
  readonly options?: readonly Option[];
  readonly examples: readonly string[];
  /** Takes its words as they are, with options of its own. */
  readonly isRaw?: boolean;
  /** It has nobody to ask: none of the options for that. */
  readonly isLocal?: boolean;
  /** Works on the folder of a stopped collector as well. */
  readonly worksOffline?: boolean;
  /** Resolves with the exit code. */
  readonly run: (context: Context, words: readonly string[], options: OptionValues) => Promise<number>;
}

export function textOf(options: OptionValues, name: string): string | undefined {
  const value = options[name];
  return typeof value === "string" ? value : undefined;
}

export function listOf(options: OptionValues, name: string): readonly string[] {
  const value = options[name];
  return Array.isArray(value) ? value : [];
}
