/** Runs a command to its end. Rejects with its own last words when it fails. */
export async function run(cmd: readonly string[], directory?: string): Promise<string> {
  const [program = ""] = cmd;
  if (Bun.which(program) === null) throw new Error(`${program} is not installed here`);
  const options = directory === undefined ? {} : { cwd: directory };
  const child = Bun.spawn({ cmd: [...cmd], ...options, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [output, trouble] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) {
    throw new Error(
      `${cmd.slice(0, 3).join(" ")} failed: ${(trouble + output).trim().split("\n").slice(-5).join(" / ")}`,
    );
  }
  return output;
}
