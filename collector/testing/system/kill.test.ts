/** The promises against SIGKILL, on the real process. A longer run: `bun collector/testing/soak.ts --help`. */
import { expect, test } from "bun:test";
import { withFolder } from "../temporary.ts";
import { DOUBLED_BYTES_MAX, runKillRounds, seededRandom } from "./kill-rounds.ts";

const ROUNDS = 50;
const LIMIT_MS = 300_000;

test(
  `killed ${ROUNDS} times under load, every acknowledged log is in the objects, and the ledger balances after each start`,
  async () => {
    const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
    console.log(`SEED=${seed}`);
    const report = await withFolder((directory) =>
      runKillRounds({ directory, rounds: ROUNDS, random: seededRandom(seed) }),
    );
    console.log(JSON.stringify(report));
    expect(report.lost).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(ROUNDS * 10);
    expect(report.doubledBytesOfOneKill).toBeLessThanOrEqual(DOUBLED_BYTES_MAX);
    expect(report.delivered).toBe(report.acknowledged + report.doubledBySenders);
  },
  LIMIT_MS,
);
