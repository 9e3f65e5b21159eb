/** What values in the configuration look like, and how what is wrong with them is said. Used by config.ts alone. */
import { z } from "zod";
import { editDistance } from "../edit-distance.ts";

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
const UNITS: Readonly<Record<string, number>> = { "": 1, B: 1, KiB: KIB, MiB: MIB, GiB: GIB, TiB: 1024 * GIB };

/** A number of bytes: an integer, or a text such as 512MiB. */
export function anyBytes(min: number, max: number) {
  return z.union([z.number(), z.string()]).transform((value, context) => {
    const [, digits, unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$/.exec(String(value)) ?? [];
    const factor = UNITS[unit];
    const size = digits === undefined || factor === undefined ? Number.NaN : Number(digits) * factor;
    if (Number.isSafeInteger(size) && size >= min && size <= max) return size;
    context.addIssue({
      code: "custom",
      message: `must be ${describeBytes(min)} to ${describeBytes(max)}, as 1048576 or 1MiB`,
    });
    return z.NEVER;
  });
}

export function bytes(min: number, max: number, fallback: number) {
  return anyBytes(min, max).default(fallback);
}

export function anyInteger(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number({ error: message }).int(message).min(min, message).max(max, message);
}

export function integer(min: number, max: number, fallback: number) {
  return anyInteger(min, max).default(fallback);
}

/** A part of something, from `min` to `max`. */
export function fraction(min: number, max: number, fallback: number) {
  const message = `must be a number from ${min} to ${max}`;
  return z.coerce.number({ error: message }).min(min, message).max(max, message).default(fallback);
}

/** A list, or a text with commas, as an environment variable has it. */
export const names = z.union(
  [z.array(z.string()), z.string().transform((text) => text.split(",").map((name) => name.trim()))],
  "must be a list of names",
);

/** A list of sections, or a text of JSON, as an environment variable has it. */
export function listOrJson<T extends z.ZodType>(item: T, message: string) {
  const parsed = (value: unknown): unknown => {
    if (typeof value !== "string") return value;
    try {
      return JSON.parse(value);
    } catch {
      // The array says what is wrong with it.
      return value;
    }
  };
  return z.preprocess(parsed, z.array(item, message));
}

export const yesOrNo = z.union([
  z.boolean(),
  z.enum(["true", "false"], "must be true or false").transform((text) => text === "true"),
]);

/** The words of a choice; none for what is no choice. */
export function choicesOf(type: z.ZodType): readonly string[] {
  if (type instanceof z.ZodDefault || type instanceof z.ZodOptional) return choicesOf(type.unwrap() as z.ZodType);
  return type instanceof z.ZodEnum ? type.options.map(String) : [];
}

export const hostAndPort = z
  .string()
  .regex(/^(\[[0-9a-fA-F:.]+\]|[^:\s]+):\d{1,5}$/, "must be host:port, for example 0.0.0.0:4317")
  .refine((text) => Number(text.slice(text.lastIndexOf(":") + 1)) <= 65_535, "must have a port from 0 to 65535");

export const url = z.url("must be a URL, for example http://127.0.0.1:4573");

/** The largest unit that says it exactly. */
export function describeBytes(size: number): string {
  const unit = Object.entries(UNITS).findLast(([name, factor]) => name !== "" && size >= factor && size % factor === 0);
  return unit === undefined || unit[0] === "B" ? `${size}` : `${size / unit[1]}${unit[0]}`;
}

/** ": did you mean x?" where something is near enough. */
export function nearest(word: string, candidates: readonly string[]): string {
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z]/g, "");
  const best = candidates
    .map((candidate) => ({ candidate, distance: editDistance(plain(word), plain(candidate)) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return best !== undefined && best.distance <= Math.ceil(word.length / 4) ? `: did you mean ${best.candidate}?` : "";
}
