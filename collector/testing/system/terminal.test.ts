/** `standpipe top` on a pseudo-terminal: it fits, follows another size, and leaves the terminal as it was, however it ends. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { withFolder } from "../temporary.ts";
import { runCli } from "./cli-process.ts";
import { CollectorProcess, freePorts } from "./collector-process.ts";

const LIMIT_MS = 120_000;
const MAIN = join(import.meta.dir, "../../../clients/cli/main.ts");

const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
const HOME = "\u001b[H";
const CLEAR_BELOW = "\u001b[J";
const CLEAR_LINE = "\u001b[K";

class Screen {
  out = "";
  readonly child: Bun.Subprocess;
  readonly #terminal: Bun.Terminal;

  constructor(port: number, size: { cols: number; rows: number }, words: readonly string[] = []) {
    const decoder = new TextDecoder();
    this.child = Bun.spawn({
      cmd: [process.execPath, MAIN, "top", "--address", `127.0.0.1:${port}`, "--timeout", "30", ...words],
      env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", TERM: "xterm-256color" },
      terminal: {
        ...size,
        data: (_terminal, bytes) => {
          this.out += decoder.decode(bytes, { stream: true });
        },
      },
    });
    if (this.child.terminal === undefined) throw new Error("there is no terminal");
    this.#terminal = this.child.terminal;
  }

  /** The last whole frame that `isMeant`, line by line. */
  async frame(isMeant: (lines: string[]) => boolean): Promise<string[]> {
    for (;;) {
      const end = this.out.lastIndexOf(CLEAR_BELOW);
      const start = this.out.lastIndexOf(HOME, end);
      const lines =
        start < 0
          ? []
          : this.out
              .slice(start + HOME.length, end)
              .split("\r\n")
              .slice(0, -1);
      if (lines.length > 0 && isMeant(lines)) {
        expect(lines.every((line) => line.startsWith(CLEAR_LINE))).toBe(true);
        return lines.map((line) => line.slice(CLEAR_LINE.length));
      }
      if (this.child.exitCode !== null) throw new Error(`it has ended: ${JSON.stringify(this.out)}`);
      await Bun.sleep(20);
    }
  }

  resize(cols: number, rows: number): void {
    this.#terminal.resize(cols, rows);
  }

  type(text: string): void {
    this.#terminal.write(text);
  }

  async end(): Promise<{ code: number; after: string }> {
    const code = await this.child.exited;
    // What was written last may still be on its way.
    for (let tries = 0; tries < 100 && !this.out.includes(LEAVE); tries++) await Bun.sleep(20);
    expect(this.out.split(ENTER).length).toBe(2);
    expect(this.out.split(LEAVE).length).toBe(2);
    this.#terminal.close();
    return { code, after: this.out.slice(this.out.indexOf(LEAVE) + LEAVE.length) };
  }
}

async function withCollector(body: (collector: CollectorProcess, port: number) => Promise<void>): Promise<void> {
  await withFolder(async (directory) => {
    const ports = await freePorts();
    await using collector = await CollectorProcess.start({ directory, endpoint: "http://127.0.0.1:9", ports });
    await body(collector, ports.control);
  });
}

test(
  "top fits its terminal, also after it has become small, and ends with q, Ctrl-C and signals as it found it",
  async () => {
    await withCollector(async (_collector, port) => {
      const first = new Screen(port, { cols: 80, rows: 24 });
      const wide = await first.frame((lines) => lines.length > 6);
      expect(wide[0]).toMatch(/^standpipe \w{8} at 127\.0\.0\.1:\d+/);
      expect(wide.some((line) => line.includes("may send"))).toBe(true);
      first.resize(34, 6);
      const small = await first.frame((lines) => lines.length <= 5);
      expect(small.at(-1)).toMatch(/^\(\d+ more lines/);
      for (const line of small) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(34);
      first.resize(3, 2);
      expect(await first.frame((lines) => lines.length === 1)).toEqual([`(${wide.length} more`.slice(0, 3)]);
      first.resize(100, 30);
      expect((await first.frame((lines) => lines.length === wide.length)).length).toBe(wide.length);
      first.type("q");
      expect(await first.end()).toEqual({ code: 0, after: "" });

      for (const endIt of [
        (screen: Screen) => screen.type("\u0003"),
        (screen: Screen) => screen.child.kill("SIGINT"),
        (screen: Screen) => screen.child.kill("SIGTERM"),
        (screen: Screen) => screen.child.kill("SIGHUP"),
      ]) {
        const screen = new Screen(port, { cols: 60, rows: 20 });
        await screen.frame(() => true);
        endIt(screen);
        expect(await screen.end()).toEqual({ code: 0, after: "" });
      }
    });
  },
  LIMIT_MS,
);

test(
  "where the collector goes away top leaves the screen first, and then says why in a sentence",
  async () => {
    await withCollector(async (collector, port) => {
      const screen = new Screen(port, { cols: 80, rows: 24 });
      await screen.frame(() => true);
      await collector.end("SIGKILL");
      const { code, after } = await screen.end();
      expect(code).toBe(2);
      expect(after).toMatch(/^standpipe: [^\n]+\r\n$/);
    });
  },
  LIMIT_MS,
);

test("without a terminal top says so, and what to do instead", async () => {
  const { code, out, errors } = await runCli({ words: ["top"] });
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(errors).toMatch(/^standpipe: top draws over a terminal, and its output is none: [^\n]+--frames[^\n]+\n$/);
});
