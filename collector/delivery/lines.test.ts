import { expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../config/config.ts";
import { compileFilter } from "../otlp/filter.ts";
import { requestType } from "../otlp/request-samples.ts";
import { withFolder } from "../testing/temporary.ts";
import { createTranscoder, type LineConfig, lineProblems } from "./lines.ts";

const PLAIN: LineConfig = { filter: undefined, redact: undefined, shape: "json", recordId: false };
const NOTHING = { drop: [], hash: [], mask: [] };

function linesOf(config: LineConfig): string {
  const attributes = [{ key: "user", value: { stringValue: "ann" } }];
  const logRecords = [{ severityNumber: 9 }, { severityNumber: 17, attributes }];
  const bytes = requestType
    .encode(requestType.fromObject({ resourceLogs: [{ scopeLogs: [{ logRecords }] }] }))
    .finish();
  return Buffer.from(createTranscoder(config, "c").transcode(bytes, 5n, 0, 2).bytes).toString();
}

test("filter, shape, redaction and recordId are those of the route", () => {
  expect(linesOf(PLAIN)).toBe('{"severityNumber":9}\n{"severityNumber":17,"attributes":{"user":"ann"}}\n');
  const redact = { ...NOTHING, drop: ["attributes.user"] };
  const shape = { fields: ["severity", "attributes"], escapeUnicode: false, doublesWithPoint: false };
  expect(linesOf({ filter: "severity >= ERROR", shape, redact, recordId: true })).toBe(
    '{"recordId":"c/6","severity":17}\n',
  );
});

test("the salt is what its file holds, but for a line break at the end", async () => {
  await withFolder(async (directory) => {
    const saltFile = join(directory, "salt");
    const redact = { ...NOTHING, hash: ["attributes.user"] };
    const hashed = (salt: string): string => {
      writeFileSync(saltFile, salt);
      return linesOf({ ...PLAIN, redact: { ...redact, saltFile } });
    };
    expect(hashed("pepper\n")).toBe(hashed("pepper"));
    expect(hashed("pepper\n")).not.toBe(hashed("other"));
    expect(hashed("")).toBe(linesOf({ ...PLAIN, redact }));
  });
});

test("every key that can't be used is told, with the place in it", () => {
  expect(lineProblems(PLAIN)).toEqual([]);
  const redact = { ...NOTHING, saltFile: "/nowhere/salt" };
  expect(lineProblems({ filter: "severity >= WORN", shape: "body", redact, recordId: true })).toEqual([
    { key: "filter", problem: expect.stringContaining("severity >= WORN\n            ^^^^") },
    { key: "shape", problem: expect.stringContaining("no place for recordId") },
    { key: "redact", problem: "can't read saltFile /nowhere/salt (ENOENT)" },
  ]);
});

test("what README.md shows can be used as it stands", () => {
  const page = readFileSync(join(import.meta.dir, "../otlp/README.md"), "utf8");
  const blocks = [...page.matchAll(/^```(yaml)?\n(.*?)^```$/gms)].map(([, language, text = ""]) => ({
    language,
    text,
  }));
  const files = blocks.filter(({ language }) => language === "yaml").map(({ text }) => text);
  expect(files.length).toBeGreaterThan(2);
  for (const text of files) {
    const whole = text.startsWith("routes:") ? text : `firehose:\n${text.replace(/^/gm, "  ")}`;
    // The salt is a file of the reader's own.
    const file = { path: "standpipe.yaml", text: whole.replace(/saltFile:.*/g, "") };
    expect(loadConfig(file, { STANDPIPE_FIREHOSE_STREAM: "logs" }, lineProblems).routes.length).toBeGreaterThan(0);
  }
  const filters = blocks
    .filter(({ text }) => text.startsWith("severity"))
    .flatMap(({ text }) => text.trim().split("\n"));
  expect(filters.length).toBeGreaterThan(4);
  for (const filter of filters) compileFilter(filter);
});
