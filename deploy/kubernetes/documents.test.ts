/** The documents about running it: their commands are run as far as that goes without a cluster, their links lead somewhere. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { HELM, KUBECTL } from "../../collector/testing/kubernetes-tools.ts";
import { testWith } from "../../collector/testing/tools.ts";
import { parseObjects } from "./objects.ts";

const ROOT = join(import.meta.dir, "../..");
const DEPLOY = join(ROOT, "deploy");
const PAGES = [...readdirSync(DEPLOY).filter((name) => name.endsWith(".md")), "aws/README.md"];
const LIMIT_MS = 60_000;

const read = (page: string): string => readFileSync(join(DEPLOY, page), "utf8");

/** Commands in blocks and in the text, each in one line. */
function commandsIn(text: string): string[] {
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = ""]) => block.replaceAll("\\\n", " "));
  const spans = [...text.matchAll(/`([^`\n]+)`/g)].map(([, span = ""]) => span);
  return [...blocks.flatMap((block) => block.split("\n")), ...spans].map((line) => line.replace(/ #.*/, "").trim());
}

const commands = PAGES.flatMap((page) => commandsIn(read(page)));

test("every path below deploy that a document names is there, and so is the target of every link", () => {
  const named = commands.flatMap((command) => command.match(/(?<![\w/.])deploy\/[\w./-]+/g) ?? []);
  expect(named.length).toBeGreaterThan(5);
  expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  for (const page of PAGES) {
    const targets = [...read(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(([, target = ""]) => target);
    const missing = targets.filter(
      (target) => !/^https?:/.test(target) && !existsSync(join(DEPLOY, dirname(page), target)),
    );
    expect([page, missing]).toEqual([page, []]);
  }
});

testWith(
  ["helm", "kubectl"],
  "every command that installs something renders it, with the names that the other commands use",
  () => {
    const installs = commands.filter((command) => /^helm install |^kubectl apply --kustomize deploy/.test(command));
    expect(installs.length).toBeGreaterThanOrEqual(4);
    for (const command of installs) {
      const words = command.split(/\s+/);
      const cmd = words[0] === "helm" ? [HELM, "template", ...words.slice(2)] : [KUBECTL, "kustomize", words[3] ?? ""];
      const { exitCode, stdout, stderr } = Bun.spawnSync({ cmd, cwd: ROOT });
      expect([command, exitCode, stderr.toString()]).toEqual([command, 0, ""]);
      const objects = parseObjects(stdout.toString());
      expect(objects.length).toBeGreaterThan(3);
      if (!command.startsWith("helm install standpipe ")) continue;
      const [, kind = "", name] = /rollout status (\w+)\/(\w+)/.exec(commands.join("\n")) ?? [];
      expect(objects.map((each) => `${each.kind.toLowerCase()} ${each.metadata.name}`)).toContain(`${kind} ${name}`);
      const environment = objects.find((each) => each.metadata.name === "standpipe-environment")?.data;
      expect(environment).toEqual({ AWS_REGION: "REGION", STANDPIPE_FIREHOSE_STREAM: "standpipe" });
    }
  },
  LIMIT_MS,
);
