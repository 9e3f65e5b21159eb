/** Parameters of a section, taken one by one: what nobody has asked for at the end is told, never passed over. */
import { nearest } from "../config-values.ts";
import type { Findings, Place } from "./findings.ts";
import type { Parameter } from "./fluentd-syntax.ts";

/** A key that is known: what it comes to, or what is said of it. */
export type Known = string | { readonly kind: "note" | "risk" | "unsupported"; readonly message: string };

export class Parameters {
  readonly #parameters: readonly Parameter[];
  readonly #findings: Findings;
  readonly #ignoresCase: boolean;
  readonly #asked = new Set<string>();
  readonly #told = new Set<Parameter>();
  readonly place: Place;

  constructor(parameters: readonly Parameter[], place: Place, findings: Findings, ignoresCase: boolean) {
    this.#parameters = parameters;
    this.place = place;
    this.#findings = findings;
    this.#ignoresCase = ignoresCase;
  }

  /** All values of a key; `message` says what it has become. */
  all(key: string, message: string | undefined): Parameter[] {
    this.#asked.add(key);
    const found = this.#parameters.filter((each) => this.#same(each.key, key));
    for (const each of found) {
      if (!each.isUsed && message !== undefined) this.tell("translated", each, message);
      each.isUsed = true;
    }
    return found;
  }

  /** The last value; undefined where there is none, or it is empty. */
  get(key: string, message: string | undefined): string | undefined {
    const value = this.all(key, message).at(-1)?.value;
    return value === "" ? undefined : value;
  }

  isOn(key: string, message: string | undefined, fallback: boolean): boolean {
    const value = this.get(key, message)?.toLowerCase();
    return value === undefined ? fallback : ["true", "on", "yes", "1"].includes(value);
  }

  /** Keys that come to nothing here, each with its reason. */
  known(table: Readonly<Record<string, Exclude<Known, string>>>): void {
    for (const [key, { kind, message }] of Object.entries(table))
      for (const each of this.all(key, undefined).filter((each) => !this.#told.has(each)))
        this.tell(kind, each, message);
  }

  /** A misspelt key where it is near enough to one that was asked for; it is marked as used. */
  misspelt(key: string): Parameter | undefined {
    const found = this.#parameters.find((each) => !each.isUsed && nearest(each.key, [key]) !== "");
    if (found !== undefined) found.isUsed = true;
    return found;
  }

  /** Tells of all that nobody asked for. */
  finish(): void {
    for (const each of this.#parameters) {
      if (each.isUsed) continue;
      each.isUsed = true;
      this.tell("unsupported", each, `is not known here${nearest(each.key, [...this.#asked])}`);
    }
  }

  tell(kind: "translated" | "note" | "risk" | "unsupported", parameter: Parameter, message: string): void {
    this.#told.add(parameter);
    this.#findings.add(kind, parameter, `${parameter.key} ${parameter.value}`.trim(), message);
  }

  #same(a: string, b: string): boolean {
    return this.#ignoresCase ? a.toLowerCase() === b.toLowerCase() : a === b;
  }
}

/** "10", "10s", "5m", "1.5h" in milliseconds. */
export function toMs(text: string): number {
  const [, digits = "0", unit = "s"] = /^([\d.]+)\s*([smhd]?)$/.exec(text.trim()) ?? [];
  return Math.round(Number(digits) * ({ s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }[unit || "s"] ?? 1_000));
}

/** "32k", "5MB", "1m" in bytes. */
export function toBytes(text: string): number {
  const [, digits = "0", unit = ""] = /^([\d.]+)\s*([kmgKMG]?)[bB]?$/.exec(text.trim()) ?? [];
  return Math.round(Number(digits) * ({ k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[unit.toLowerCase()] ?? 1));
}
