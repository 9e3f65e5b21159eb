/** CloudFormation's linter for tests, from PyPI, in a Python environment of its own in the user's cache folder. */
import { mkdirSync, rmSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

const VERSION = "1.58.0";
const FOLDER = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "standpipe", `cfn-lint-${VERSION}`);

export const CFN_LINT = join(FOLDER, "bin/cfn-lint");

/** Takes about a minute. Throws an Error of one sentence when it can't be had. */
export function installCfnLint(): void {
  mkdirSync(dirname(FOLDER), { recursive: true });
  try {
    // A Python environment can't be moved: it is made where it stays.
    execute(["python3", "-m", "venv", "--clear", FOLDER]);
    execute([join(FOLDER, "bin/pip"), "install", "--quiet", "--disable-pip-version-check", `cfn-lint==${VERSION}`]);
  } catch (reason) {
    rmSync(FOLDER, { recursive: true, force: true });
    throw reason;
  }
}

function execute(cmd: string[]): void {
  const { exitCode, stderr } = Bun.spawnSync({ cmd });
  if (exitCode !== 0) throw new Error(`${cmd.slice(0, 3).join(" ")} failed: ${stderr.toString().trim()}`);
}

if (import.meta.main) {
  installCfnLint();
  process.stdout.write(`cfn-lint is ${CFN_LINT}\n`);
}
