/** What values in the configuration look like, and how what is wrong with them is said. Used by config.ts alone. */
import { z } from "zod";
import { editDistance } from "./edit-distance.ts";

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;
const UNITS: Readonly<Record<string, number>> = { "": 1, B: 1, KiB: KIB, MiB: MIB, GiB: GIB };

/** A number of bytes: an integer, or a text such as 512MiB. */
export function bytes(min: number, max: number, fallback: number) {
  return z
    .union([z.number(), z.string()])
    .transform((value, context) => {
      const [, digits, unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*$/.exec(String(value)) ?? [];
      const factor = UNITS[unit];
      const size = digits === undefined || factor === undefined ? Number.NaN : Number(digits) * factor;
      if (Number.isSafeInteger(size) && size >= min && size <= max) return size;
      context.addIssue({ code: "custom", message: `must be ${min} to ${max} bytes, as 1048576 or 1MiB` });
      return z.NEVER;
    })
    .default(fallback);
}

export function integer(min: number, max: number, fallback: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z.coerce.number({ error: message }).int(message).min(min, message).max(max, message).default(fallback);
}

export const yesOrNo = z.union([
  z.boolean("must be true or false"),
  z.enum(["true", "false"], "must be true or false").transform((text) => text === "true"),
]);

export const hostAndPort = z
  .string("must be host:port")
  .regex(/^(\[[0-9a-fA-F:.]+\]|[^:\s]+):\d{1,5}$/, "must be host:port, for example 127.0.0.1:4317");

/** A list of texts, or one alone. */
export const texts = z.union([z.array(z.string()), z.string().transform((text) => [text])], "must be a list of texts");

/** ": did you mean x?" where something is near enough. */
export function nearest(word: string, candidates: readonly string[]): string {
  const plain = (text: string): string => text.toLowerCase().replace(/[^a-z]/g, "");
  const best = candidates
    .map((candidate) => ({ candidate, distance: editDistance(plain(word), plain(candidate)) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return best !== undefined && best.distance <= Math.max(2, word.length / 4) ? `: did you mean ${best.candidate}?` : "";
}

/** The words of a choice; none for what is no choice. */
export function choicesOf(type: z.ZodType): readonly string[] {
  if (type instanceof z.ZodDefault || type instanceof z.ZodOptional) return choicesOf(type.unwrap() as z.ZodType);
  return type instanceof z.ZodEnum ? type.options.map(String) : [];
}
