/** The completion scripts in the shells that they are for. */
import { expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { withFolder } from "../temporary.ts";
import { testWith } from "../tools.ts";
import { runWords } from "./cli-process.ts";

const LIMIT_MS = 60_000;

/** Puts the script of a shell into a file. */
async function write(shell: string, path: string): Promise<void> {
  const { code, out } = await runWords(["completion", shell]);
  expect(code).toBe(0);
  await Bun.write(path, out);
}

async function answer(...cmd: string[]): Promise<string> {
  const child = Bun.spawn({
    cmd,
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    env: { PATH: process.env.PATH ?? "" },
  });
  const [out, errors] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect(errors).toBe("");
  return out;
}

test(
  "bash completes commands, what follows them, and options",
  async () => {
    await withFolder(async (directory) => {
      const script = join(directory, "standpipe.bash");
      await write("bash", script);
      const complete = async (...words: string[]): Promise<string[]> => {
        const asked = words.map((word) => `'${word}'`).join(" ");
        const program = `source ${script}; COMP_WORDS=(standpipe ${asked}); COMP_CWORD=${words.length}; _standpipe; echo "\${COMPREPLY[@]}"`;
        return (await answer("bash", "--norc", "-c", program)).trim().split(" ");
      };
      expect(await complete("qua")).toEqual(["quarantine"]);
      expect(await complete("route", "s")).toEqual(["seek"]);
      expect(await complete("route", "seek", "default", "--en")).toEqual(["--end"]);
      expect(await complete("grep", "x", "--jo")).toEqual(["--journal"]);
    });
  },
  LIMIT_MS,
);

testWith(
  ["fish"],
  "fish completes commands with what they do, and options",
  async () => {
    await withFolder(async (directory) => {
      const script = join(directory, "standpipe.fish");
      await write("fish", script);
      const complete = (line: string): Promise<string> =>
        answer("fish", "--no-config", "-c", `source ${script}; complete -C '${line}'`);
      expect(await complete("standpipe qua")).toStartWith("quarantine\t");
      expect(await complete("standpipe route s")).toMatch(/^seek\tdelivers a range once more/);
      expect((await complete("standpipe route seek default --en")).trim()).toBe("--end");
      expect((await complete("standpipe grep x --jo")).trim()).toBe("--journal");
    });
  },
  LIMIT_MS,
);

testWith(
  ["zsh"],
  "zsh completes from fpath, the first time as well",
  async () => {
    await withFolder(async (directory) => {
      const folder = join(directory, "functions");
      mkdirSync(folder);
      await write("zsh", join(folder, "_standpipe"));
      let out = "";
      const child = Bun.spawn({
        cmd: ["zsh", "-f", "-i"],
        cwd: directory,
        env: { PATH: process.env.PATH ?? "", HOME: directory, TERM: "dumb", PS1: "> " },
        terminal: {
          cols: 100,
          rows: 30,
          data: (_terminal, bytes) => {
            out += Buffer.from(bytes).toString();
          },
        },
      });
      const said = async (part: string | RegExp): Promise<void> => {
        while (!(typeof part === "string" ? out.includes(part) : part.test(out))) {
          if (child.exitCode !== null) throw new Error(`zsh has ended: ${out}`);
          await Bun.sleep(20);
        }
      };
      const type = (text: string): void => void child.terminal?.write(text);
      type(
        `fpath=(${folder} $fpath); autoload -U compinit; compinit -u -D; standpipe() { echo "got: $*"; }; echo rea""dy\n`,
      );
      await said("ready");
      type("standpipe qua\t\n");
      await said("got: quarantine");
      type("standpipe route se\tdefault --en\t5\n");
      await said("got: route seek default --end 5");
      type("exit\n");
      expect(await child.exited).toBe(0);
      child.terminal?.close();
    });
  },
  LIMIT_MS,
);
