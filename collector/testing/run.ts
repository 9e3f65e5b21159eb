/**
 * `bun run test`: format, lint, types, then every test, and a last line `N passed, N failed`.
 *
 * What tests need beside npm comes from Debian, where this may install it (root, apt-get); where it may not, the tests in
 * question say so by name (tools.ts). A folder or file as argument narrows the tests: `bun run test collector/journal`.
 */
import { join } from "node:path";
import { installCfnLint } from "./cfn-lint.ts";
import { installKubernetesTools } from "./kubernetes-tools.ts";
import { hasTool, TOOLS, type Tool } from "./tools.ts";

const ROOT = join(import.meta.dir, "../..");
/** Far more than any takes: a machine that does other things as well must not fail one. */
const TEST_MS_MAX = 120_000;

/** Runs a command with its output shown. Resolves with whether it succeeded. */
async function passes(name: string, ...cmd: string[]): Promise<boolean> {
  process.stdout.write(`\n== ${name}\n`);
  const run = Bun.spawn({ cmd, cwd: ROOT, stdin: "ignore", stdout: "inherit", stderr: "inherit" });
  return (await run.exited) === 0;
}

function installMissingTools(): void {
  const missing = (Object.keys(TOOLS) as Tool[]).filter((tool) => !hasTool(tool));
  const packages = missing.flatMap((tool) => TOOLS[tool].package ?? []);
  const mayInstall = process.getuid?.() === 0 && Bun.which("apt-get") !== null;
  if (packages.length > 0 && mayInstall) {
    process.stdout.write(`installing ${packages.join(", ")}\n`);
    const apt = (...words: string[]) =>
      Bun.spawnSync({ cmd: ["apt-get", ...words], env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
    apt("update", "-qq");
    const installed = apt("install", "-y", "-qq", "--no-install-recommends", ...packages);
    if (installed.exitCode !== 0) process.stdout.write(`apt-get failed: ${installed.stderr.toString().trim()}\n`);
  }
  if (missing.includes("helm") || missing.includes("kubectl")) install("helm and kubectl", installKubernetesTools);
  if (missing.includes("cfn-lint")) install("cfn-lint", installCfnLint);
}

function install(name: string, installer: () => void): void {
  process.stdout.write(`installing ${name}\n`);
  try {
    installer();
  } catch (reason) {
    process.stdout.write(`${(reason as Error).message}\n`);
  }
}

/** Tests, their output shown as it comes. Resolves with what the runner counted. */
async function runTests(paths: string[]): Promise<{ passed: number; failed: number }> {
  process.stdout.write("\n== tests\n");
  const cmd = [process.execPath, "test", `--timeout=${TEST_MS_MAX}`, ...paths];
  const run = Bun.spawn({ cmd, cwd: ROOT, stdin: "ignore", stdout: "inherit", stderr: "pipe" });
  const decoder = new TextDecoder();
  let tail = "";
  for await (const chunk of run.stderr) {
    process.stderr.write(chunk);
    tail = (tail + decoder.decode(chunk, { stream: true })).slice(-2_000);
  }
  const code = await run.exited;
  const last = (word: string): number =>
    Number([...tail.matchAll(new RegExp(`^\\s*(\\d+) ${word}$`, "gm"))].at(-1)?.[1] ?? 0);
  const passed = last("pass");
  const failed = last("fail");
  // A runner that died, or that found nothing to run, has not passed.
  return { passed, failed: failed === 0 && (code !== 0 || passed === 0) ? 1 : failed };
}

const paths = process.argv.slice(2);
installMissingTools();
const checks = [
  await passes("format and lint", join(ROOT, "node_modules/.bin/biome"), "check", "--error-on-warnings", "."),
  await passes("types", join(ROOT, "node_modules/.bin/tsc"), "--noEmit"),
  await passes(
    "types of the page",
    join(ROOT, "node_modules/.bin/tsc"),
    "--noEmit",
    "-p",
    "collector/admin/console/app",
  ),
];
const tests = await runTests(paths);
const passed = tests.passed + checks.filter(Boolean).length;
const failed = tests.failed + checks.filter((passed) => !passed).length;
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
