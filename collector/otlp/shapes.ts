/** The shapes that a route can choose: what a line looks like. README.md has examples of each. */
import { CollectorError } from "../errors.ts";
import { BodyLine } from "./body-line.ts";
import { FieldsLine, type FieldsOptions } from "./fields-line.ts";
import { JsonLine } from "./json-line.ts";
import type { LineShape, RecordId } from "./line-shape.ts";
import { OtlpJsonLine } from "./otlp-json-line.ts";

export const SHAPES = ["json", "otlp_json", "body"] as const;

/** One of the fixed ones, or fields of one's own. */
export type ShapeOptions = (typeof SHAPES)[number] | FieldsOptions;

/** For a Transcoder. Throws CollectorError `config_invalid` for options that make no line. */
export function createShape(options: ShapeOptions, recordId: RecordId | undefined): LineShape {
  if (typeof options === "object") return new FieldsLine(options, recordId);
  if (options === "json") return new JsonLine(recordId);
  if (options === "otlp_json") return new OtlpJsonLine(recordId);
  if (recordId !== undefined) {
    throw new CollectorError(
      "config_invalid",
      "the shape body has no place for recordId: turn it off, or take another",
    );
  }
  return new BodyLine();
}
