/**
 * Names of what a log record holds, as filters, shapes and redaction say them:
 *
 *   severity severityText body eventName traceId spanId scope.name scope.version
 *   attributes["http.status"]   a record attribute; also attributes.http.status
 *   resource["service.name"]    a resource attribute; also resource.service.name
 *   scope.attributes["key"]     an attribute of the instrumentation scope
 *   body["request"]["path"]     an entry of a body that is a map, and an entry of that
 *
 * A dotted name is one key with dots in it, since that is how OpenTelemetry names attributes. Entries of entries take
 * brackets.
 */
import { nearest, type Token, Tokens } from "./tokens.ts";

/** What has no keys. */
export const PLAIN_ROOTS = [
  "severity",
  "severityText",
  "body",
  "eventName",
  "traceId",
  "spanId",
  "scope.name",
  "scope.version",
] as const;

/** What has keys. */
export const KEYED_ROOTS = ["attributes", "resource", "scope.attributes", "body"] as const;

/** What only shapes know: they write it, and nothing compares it. */
export const WRITTEN_ROOTS = ["timestamp", "observedTimestamp", "flags", "recordId"] as const;

export type Root = (typeof PLAIN_ROOTS)[number] | (typeof KEYED_ROOTS)[number] | (typeof WRITTEN_ROOTS)[number];

export interface Field {
  readonly root: Root;
  /** Keys, from the outside in. Empty: the root itself. */
  readonly path: readonly string[];
  /** All entries rather than one, as in body.*. */
  readonly all: boolean;
}

/** A field alone, for example of a shape. Throws CollectorError `config_invalid`. */
export function parseField(text: string): Field {
  const tokens = new Tokens(text);
  const field = takeField(tokens, { written: true });
  if (tokens.next.kind !== "end") tokens.fail("after the field must come nothing", tokens.next);
  return field;
}

/** The field that must come next. With `written`, also what only shapes know. */
export function takeField(tokens: Tokens, { written }: { readonly written: boolean }): Field {
  const token = tokens.next;
  if (token.kind !== "word")
    tokens.fail(`a field must come here, for example severity or resource["service.name"]`, token);
  tokens.take();
  const { root, rest, all } = splitRoot(tokens, token, written);
  const path = rest === "" ? [] : [rest];
  while (tokens.next.kind === "sign" && tokens.next.value === "[") {
    const open = tokens.take();
    if (!isKeyed(root)) tokens.fail(`${root} has no keys`, open);
    const key = tokens.take();
    if (key.kind !== "text") tokens.fail(`a key stands in quotes, for example ${root}["name"]`, key);
    const close = tokens.take();
    if (close.value !== "]" || close.kind !== "sign")
      tokens.fail("the bracket is not closed", { ...open, end: close.end });
    path.push(key.value);
  }
  if (all && path.length > 0) tokens.fail("after .* can come no key", token);
  return { root, path, all };
}

function splitRoot(tokens: Tokens, token: Token, written: boolean): { root: Root; rest: string; all: boolean } {
  const all = token.value.endsWith(".*");
  const name = all ? token.value.slice(0, -2) : token.value;
  const roots: readonly Root[] = [...PLAIN_ROOTS, ...KEYED_ROOTS, ...(written ? WRITTEN_ROOTS : [])];
  const exact = roots.find((root) => root === name);
  if (exact !== undefined && (!all || isKeyed(exact))) return { root: exact, rest: "", all };
  // "scope.attributes" before "scope": the longest that fits.
  const keyed = KEYED_ROOTS.find((root) => name.startsWith(`${root}.`));
  if (keyed !== undefined && !all) return { root: keyed, rest: name.slice(keyed.length + 1), all };
  if (all) tokens.fail(`only ${KEYED_ROOTS.join(", ")} have entries`, token);
  const dot = name.indexOf(".");
  const near = nearest(name, roots);
  const nearKeyed = dot < 0 ? undefined : nearest(name.slice(0, dot), KEYED_ROOTS);
  const meant = nearKeyed === undefined ? near : `${nearKeyed}${name.slice(dot)}`;
  const suggestion =
    meant !== undefined
      ? `: did you mean ${meant}?`
      : `; an attribute is written attributes[${JSON.stringify(name)}], and the others are ${[...new Set(roots)].join(", ")}`;
  return tokens.fail(`${name} is no field${suggestion}`, token);
}

export function isKeyed(root: Root): boolean {
  return (KEYED_ROOTS as readonly Root[]).includes(root);
}

/** As it is written, with brackets. */
export function describeField({ root, path, all }: Field): string {
  return `${root}${path.map((key) => `[${JSON.stringify(key)}]`).join("")}${all ? ".*" : ""}`;
}
