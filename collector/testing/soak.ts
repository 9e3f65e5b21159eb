/** Kills the collector again and again for as long as asked: the suite's rounds, only more of them. */
import { parseArgs } from "node:util";
import { DOUBLED_BYTES_MAX, type KillReport, runKillRounds, seededRandom } from "./system/kill-rounds.ts";
import { withFolder } from "./temporary.ts";

const HELP = `Starts a collector, sends it logs, kills it with SIGKILL at random moments and starts it again; at the end reads the
objects back. Exit status 0 only if every acknowledged log is there and nothing is doubled without a reason.

  bun collector/testing/soak.ts [--rounds N] [--minutes M] [--seed S]

  --rounds N    kills at most (500)
  --minutes M   ends after that time, even with fewer (60)
  --seed S      repeats the choices of an earlier run; their moments depend on the machine
  --help        this

What was sent is kept in memory until the end, about 1,000 log records a second: an hour needs a few GiB.
`;

const OPTIONS = {
  rounds: { type: "string", default: "500" },
  minutes: { type: "string", default: "60" },
  seed: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;

async function main(): Promise<number> {
  const values = read();
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const rounds = numberOf("rounds", values.rounds);
  const endMs = performance.now() + numberOf("minutes", values.minutes) * 60_000;
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : numberOf("seed", values.seed);
  process.stdout.write(`seed ${seed}\n`);
  const report = await withFolder((directory) =>
    runKillRounds({
      directory,
      rounds,
      random: seededRandom(seed),
      isOver: () => performance.now() >= endMs,
      onRound: (round, acknowledged) => {
        if (round % 10 === 0) process.stdout.write(`round ${round}: ${acknowledged} acknowledged\n`);
      },
    }),
  );
  const problems = problemsOf(report);
  process.stdout.write(`${JSON.stringify({ ...report, lost: report.lost.length }, null, 2)}\n`);
  for (const problem of problems) process.stdout.write(`BROKEN: ${problem}\n`);
  return problems.length === 0 ? 0 : 1;
}

function problemsOf(report: KillReport): string[] {
  const problems: string[] = [];
  const { lost, delivered, acknowledged, doubledBySenders, doubledBytesOfOneKill } = report;
  if (lost.length > 0) problems.push(`${lost.length} acknowledged logs are lost, such as ${lost[0]}`);
  if (delivered !== acknowledged + doubledBySenders) problems.push("logs were delivered that nobody sent");
  if (doubledBytesOfOneKill > DOUBLED_BYTES_MAX) problems.push(`one kill doubled ${doubledBytesOfOneKill} bytes`);
  return problems;
}

function read() {
  try {
    return parseArgs({ options: OPTIONS, strict: true }).values;
  } catch (reason) {
    process.stderr.write(`${(reason as Error).message}. Try --help.\n`);
    process.exit(2);
  }
}

function numberOf(name: string, text: string): number {
  const number = Number(text);
  if (Number.isFinite(number) && number >= 0 && text.trim() !== "") return number;
  process.stderr.write(`--${name} is a number, and not "${text}"\n`);
  process.exit(2);
}

try {
  process.exit(await main());
} catch (reason) {
  process.stderr.write(`BROKEN: ${reason instanceof Error ? reason.message : String(reason)}\n`);
  process.exit(1);
}
