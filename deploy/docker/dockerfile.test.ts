/** The Dockerfile, looked at by a linter and by rules of our own: there is no Docker where these tests run. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DockerfileParser } from "dockerfile-ast";
import { validate } from "dockerfile-utils";
import packageJson from "../../package.json" with { type: "json" };

const ROOT = join(import.meta.dir, "../..");
const text = readFileSync(join(import.meta.dir, "Dockerfile"), "utf8");

/** What our rules have against a Dockerfile; empty for one that may be built. */
function offences(source: string): string[] {
  const file = DockerfileParser.parse(source);
  const all = file.getInstructions();
  const last = all.slice(all.findLastIndex((each) => each.getKeyword() === "FROM"));
  const found: string[] = [];
  const argumentOf = (keyword: string) =>
    last.findLast((each) => each.getKeyword() === keyword)?.getArgumentsContent() ?? "";
  for (const from of file.getFROMs()) {
    const image = from.getImage() ?? "";
    const given =
      file
        .getARGs()
        .find((each) => image === `\${${each.getProperty()?.getName()}}`)
        ?.getProperty()
        ?.getValue() ?? image;
    if (given !== "scratch" && !/:[\w.-]*\d+\.\d+/.test(given)) found.push(`${given} is not pinned to a version`);
  }
  if (!/^[1-9]\d*:[1-9]\d*$/.test(argumentOf("USER"))) found.push("USER must be a number other than 0");
  if (!argumentOf("ENTRYPOINT").startsWith("["))
    found.push("ENTRYPOINT must be a list: a shell would keep the signals");
  if (!argumentOf("CMD").startsWith("[")) found.push("CMD must be a list");
  if (all.some((each) => each.getKeyword() === "ADD")) found.push("COPY, not ADD");
  if (/(secret|token|password|aws_access)/i.test(last.filter((each) => each.getKeyword() === "ENV").join()))
    found.push("no secrets");
  for (const [, path = ""] of argumentOf("CMD").matchAll(/"\/app\/([^"]+)"/g)) {
    if (!existsSync(join(ROOT, path))) found.push(`${path} is not there`);
  }
  return found;
}

test("a linter finds nothing wrong with the Dockerfile", () => {
  expect(validate(text).map(({ range, message }) => `${range.start.line + 1}: ${message}`)).toEqual([]);
});

test("the image runs as a numbered user, gets its signals itself, and is built from pinned parts", () => {
  expect(offences(text)).toEqual([]);
});

test("the rules find what they are for", () => {
  const bad = `FROM debian:latest\nADD x /x\nUSER root\nENV AWS_ACCESS_KEY_ID=x\nENTRYPOINT bun main.ts\nCMD ["/app/none.ts"]\n`;
  expect(offences(bad)).toHaveLength(6);
});

test("the builder and the image have the Bun that the project is pinned to", () => {
  const bun = packageJson.engines.bun;
  expect(text).toContain(`ARG BUILDER=oven/bun:${bun}-debian\n`);
  const runtime = JSON.parse(readFileSync(join(import.meta.dir, "runtime/package.json"), "utf8"));
  expect(Object.values(runtime.dependencies)).toEqual([bun, bun]);
  const lock = readFileSync(join(import.meta.dir, "runtime/bun.lock"), "utf8");
  expect(
    lock.match(new RegExp(`@oven/bun-linux-(x64|aarch64)@${bun}", "", .*"sha512-[A-Za-z0-9+/]{86}=="`, "g")),
  ).toHaveLength(2);
});

test("the build context holds what is needed to build, and nothing that was installed", () => {
  const lines = readFileSync(join(import.meta.dir, "Dockerfile.dockerignore"), "utf8").split("\n");
  expect(lines).toContain("*");
  expect(lines).toContain("**/node_modules");
  for (const line of lines.filter((each) => each.startsWith("!")))
    expect(existsSync(join(ROOT, line.slice(1)))).toBe(true);
});
