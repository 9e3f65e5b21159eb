/**
 * The keys of a route that say which log records it takes and what its lines look like. Used by config.ts alone. What a
 * filter, a field or a pattern means is not known here: `lineProblems` of delivery/lines.ts looks into them.
 */
import { parse } from "yaml";
import { z } from "zod";
import { nearest, yesOrNo } from "./values.ts";

/** A text that is a structure, as an environment variable has it. */
function structured(value: unknown): unknown {
  if (typeof value !== "string") return value;
  try {
    return parse(value);
  } catch {
    return value;
  }
}

/** Says what is wrong within, by the names of the keys, rather than that no alternative fits. */
function within<T extends z.ZodType>(schema: T, value: unknown, context: z.RefinementCtx): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    const path = issue.path.map(String);
    const known = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
    const messages =
      issue.code === "unrecognized_keys"
        ? issue.keys.map((key) => `has no key ${key}${path.length === 0 ? nearest(key, known) : ""}`)
        : [issue.message];
    for (const message of messages) context.addIssue({ code: "custom", path, message });
  }
  return z.NEVER;
}

const text = z.string("must be a text");
const list = z.array(text, "must be a list of texts");

const field = z.union(
  [
    text,
    z.strictObject({ name: text.optional(), from: text, format: text.optional() }),
    z.strictObject({ name: text, value: z.json() }),
  ],
  "must be the name of a field, or have from (and name, format), or name and value",
);

const ownFields = z.strictObject({
  fields: z.array(field, "must be a list of fields"),
  timeKey: text.optional(),
  timeFormat: text.optional(),
  timeZone: text.optional(),
  escapeUnicode: yesOrNo.default(false),
  doublesWithPoint: yesOrNo.default(false),
});

const namedShape = z.enum(["json", "otlp_json", "body"], "must be json, otlp_json, body, or a section with fields");

const redact = z.strictObject({
  drop: list.default([]),
  hash: list.default([]),
  saltFile: text.optional(),
  mask: z
    .array(
      z.strictObject({ pattern: text, with: text.optional() }, "must have pattern, and may have with"),
      "must be a list",
    )
    .default([]),
});

/** Part of every route. */
export const lineKeys = {
  filter: text
    .optional()
    .describe(
      "Which log records it takes, for example `severity >= WARN`; all, where there is none. See otlp/README.md.",
    ),
  shape: z
    .unknown()
    .transform((raw, context) => {
      const value = structured(raw);
      return typeof value === "object" && value !== null
        ? within(ownFields, value, context)
        : within(namedShape, value, context);
    })
    .prefault("json")
    .describe("What a line looks like: json, otlp_json, body, or fields of your own. See otlp/README.md."),
  redact: z
    .unknown()
    .transform((raw, context) => within(redact, structured(raw), context))
    .optional()
    .describe("What is dropped, hashed or masked before a line is made. See otlp/README.md."),
};
