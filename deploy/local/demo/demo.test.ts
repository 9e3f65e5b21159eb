import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withSmallDisk } from "../../../collector/testing/temporary.ts";
import { testWith } from "../../../collector/testing/tools.ts";

const MAIN = join(import.meta.dir, "main.ts");

async function run(...parameters: string[]): Promise<{ code: number; out: string; err: string }> {
  const started = Bun.spawn({ cmd: [process.execPath, MAIN, ...parameters], stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([new Response(started.stdout).text(), new Response(started.stderr).text()]);
  return { code: await started.exited, out, err };
}

test("the demo, on a smaller burst and a wider stream, loses nothing through the kill and says so", async () => {
  const folder = mkdtempSync(join(tmpdir(), "standpipe-demo-"));
  try {
    const small = ["--logs", "12000", "--seconds", "2", "--processes", "2", "--mib-per-second", "4"];
    const { code, out, err } = await run(...small, "--out", folder);
    expect(err).toBe("");
    expect(out).toContain("SIGKILL");
    expect(out).toMatch(/sent +12,000\n +lost +0\n/);
    expect(out).toContain(join(folder, "objects"));
    expect(code).toBe(0);
    expect(existsSync(join(folder, "objects", "logs"))).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 120_000);

test("the same with gzip goes through a fraction of the quota, and the objects are read back from .gz", async () => {
  const folder = mkdtempSync(join(tmpdir(), "standpipe-demo-"));
  try {
    const small = ["--logs", "12000", "--seconds", "2", "--processes", "2", "--mib-per-second", "0.5", "--gzip"];
    const { code, out, err } = await run(...small, "--out", folder);
    expect(err).toBe("");
    expect(out).toMatch(/sent +12,000\n +lost +0\n/);
    const mebibytes = (name: string): number => Number(new RegExp(`${name} +([\\d.]+) MiB`).exec(out)?.[1]);
    expect(mebibytes("billed")).toBeLessThan(mebibytes("lines") / 4);
    expect([...new Bun.Glob("objects/**/*.jsonl.gz").scanSync(folder)].length).toBeGreaterThan(0);
    expect(code).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 120_000);

test("wrong arguments are one sentence and exit code 2", async () => {
  expect(await run("--logs", "many")).toEqual({
    code: 2,
    out: "",
    err: 'demo: --logs must be a number from 100 to 5000000, and is "many".\n',
  });
  const unknown = await run("--fast");
  expect(unknown.code).toBe(2);
  expect(unknown.err).toMatch(/^demo: .*--fast.*\n$/);
});

testWith(["tmpfs"], "a disk that is too small for it is told before anything begins", async () => {
  await withSmallDisk(8_388_608, async (disk) => {
    const { code, out, err } = await run("--out", join(disk, "demo"), "--logs", "100000");
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^demo: \S+ needs 224 MiB of free disk for 100,000 logs: name another folder with --out\.\n$/);
  });
});
