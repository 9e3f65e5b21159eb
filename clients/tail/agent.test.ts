import { expect, test } from "bun:test";
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { withLogs } from "./testing/folder.ts";
import { FakeSender, startRig } from "./testing/rig.ts";

/** Lines `from` to `to` (exclusive), each with a number. */
function numbered(from: number, to: number): string {
  return Array.from({ length: to - from }, (_, index) => `line ${from + index}\n`).join("");
}

function expected(to: number, from = 0): string[] {
  return Array.from({ length: to - from }, (_, index) => `line ${from + index}`);
}

function sorted(bodies: readonly unknown[]): string[] {
  return (bodies as string[]).toSorted((a, b) => Number(a.slice(5)) - Number(b.slice(5)));
}

test("lines are sent once, in order, with the file's name, also those that come later and in new files", async () => {
  await withLogs(async (directory, logs) => {
    const path = join(logs, "a.log");
    writeFileSync(path, numbered(0, 3));
    await using rig = await startRig(directory, {
      tag: "applog.*",
      attributes: { team: "shop" },
      resource: { env: "test" },
    });
    await rig.until(3);
    appendFileSync(path, "line 3\nline 4 without an end");
    await rig.until(4);
    writeFileSync(join(logs, "b.log"), "other\r\n");
    await rig.until(5);
    await Bun.sleep(200);
    expect(rig.sender.bodies).toEqual([...expected(4), "other"]);
    expect(rig.sender.records[0]).toMatchObject({
      attributes: { team: "shop" },
      resource: {
        "log.file.name": "a.log",
        "log.file.path": path,
        tag: `applog.${path.slice(1).replaceAll("/", ".")}`,
        env: "test",
      },
    });
  });
}, 20_000);

test("a restart goes on where the acknowledgements were", async () => {
  await withLogs(async (directory, logs) => {
    const path = join(logs, "a.log");
    writeFileSync(path, numbered(0, 100));
    const first = await startRig(directory);
    await first.until(100);
    await first.settled();
    await first.agent.stop();
    appendFileSync(path, numbered(100, 200));
    const second = await startRig(directory);
    await second.until(100);
    await second.settled();
    second.sender.hold();
    appendFileSync(path, numbered(200, 300));
    await second.until(200);
    // Never acknowledged: the next one sends it again.
    const stopping = second.agent.stop();
    await stopping;
    await using third = await startRig(directory);
    await third.until(100);
    await third.settled();
    expect(second.sender.bodies).toEqual(expected(300, 100));
    expect(third.sender.bodies).toEqual(expected(300, 200));
  });
}, 30_000);

test("rotation by rename, several times between two looks, and while the agent is away", async () => {
  await withLogs(async (directory, logs) => {
    const path = join(logs, "a.log");
    const rotate = (count: number): void => {
      for (let number = count; number >= 1; number--) renameSync(`${path}.${number}`, `${path}.${number + 1}`);
      renameSync(path, `${path}.1`);
    };
    // There before the file was ever followed: not read.
    writeFileSync(`${path}.1`, "old\n");
    writeFileSync(path, numbered(0, 10));
    const first = await startRig(directory);
    await first.until(10);
    appendFileSync(path, numbered(10, 20));
    rotate(1);
    writeFileSync(path, numbered(20, 30));
    rotate(2);
    writeFileSync(path, numbered(30, 40));
    await first.until(40);
    await first.settled();
    await first.agent.stop();
    appendFileSync(path, numbered(40, 50));
    rotate(3);
    writeFileSync(path, numbered(50, 60));
    rotate(4);
    writeFileSync(path, numbered(60, 70));
    await using second = await startRig(directory);
    await second.until(30);
    await second.settled();
    expect(sorted(first.sender.bodies)).toEqual(expected(40));
    expect(sorted(second.sender.bodies)).toEqual(expected(70, 40));
    const names = new Set(second.sender.records.map(({ resource }) => resource["log.file.path"]));
    expect([...names]).toEqual([path]);
  });
}, 30_000);

test("a file that was made and rotated between two looks is read; one that was rotated before the first look is not", async () => {
  await withLogs(async (directory, logs) => {
    const path = join(logs, "a.log");
    writeFileSync(`${path}.1`, "from before\n");
    await using rig = await startRig(directory);
    await Bun.sleep(50);
    renameSync(`${path}.1`, `${path}.2`);
    writeFileSync(path, numbered(0, 3));
    renameSync(path, `${path}.1`);
    writeFileSync(path, numbered(3, 5));
    await rig.until(5);
    await Bun.sleep(200);
    expect(sorted(rig.sender.bodies)).toEqual(expected(5));
  });
}, 20_000);

test("rotation by copy and truncate, also of what was not read yet, and while the agent is away", async () => {
  await withLogs(async (directory, logs) => {
    const path = join(logs, "a.log");
    const rotate = (count: number): void => {
      for (let number = count; number >= 1; number--) renameSync(`${path}.${number}`, `${path}.${number + 1}`);
      copyFileSync(path, `${path}.1`);
      truncateSync(path);
    };
    writeFileSync(path, numbered(0, 10));
    const sender = new FakeSender();
    const first = await startRig(directory, {}, {}, sender);
    await first.until(10);
    appendFileSync(path, numbered(10, 20));
    rotate(0);
    appendFileSync(path, numbered(20, 30));
    await first.until(30);
    await first.settled();
    await first.agent.stop();
    appendFileSync(path, numbered(30, 40));
    rotate(1);
    // Longer than before: only the bytes tell that it is another content.
    appendFileSync(path, numbered(40, 80));
    rotate(2);
    appendFileSync(path, numbered(80, 90));
    await using second = await startRig(directory);
    await second.until(60);
    await second.settled();
    expect(sorted(first.sender.bodies)).toEqual(expected(30));
    expect(sorted(second.sender.bodies)).toEqual(expected(90, 30));
    expect(second.agent.status().truncatedWithoutCopy).toBe(0);
  });
}, 30_000);

test("a copy that has more than was last seen of its file is still its copy", async () => {
  await withLogs(async (directory, logs) => {
    const path = join(logs, "a.log");
    writeFileSync(path, numbered(0, 10));
    // Each look at folders comes before the look at files.
    await using run = await startRig(directory, {}, { files: { watch: false, refreshMs: 50 } });
    await run.until(10);
    for (let count = 10; count < 90; count += 20) {
      appendFileSync(path, numbered(count, count + 10));
      for (let number = 5; number >= 1; number--)
        if (existsSync(`${path}.${number}`)) renameSync(`${path}.${number}`, `${path}.${number + 1}`);
      copyFileSync(path, `${path}.1`);
      if (count === 50) await run.until(count + 10);
      truncateSync(path);
      await run.until(count + 10);
      appendFileSync(path, numbered(count + 10, count + 20));
      await run.until(count + 20);
    }
    await run.settled();
    expect(sorted(run.sender.bodies)).toEqual(expected(90));
    expect(run.agent.status()).toMatchObject({ truncated: 4, truncatedWithoutCopy: 0 });
  });
});

test("a deleted file is read to its end, last line without an end and all", async () => {
  await withLogs(async (directory, logs) => {
    const path = join(logs, "a.log");
    writeFileSync(path, numbered(0, 5));
    const sender = new FakeSender();
    await using rig = await startRig(
      directory,
      {},
      { collector: { lingerMs: 5, inFlightBytesMax: "64KiB", requestBytesMax: "16KiB" } },
      sender,
    );
    await rig.until(5);
    sender.hold();
    // More than may be under way: reading stops, the file waits.
    appendFileSync(path, numbered(5, 20_000));
    await rig.until(6);
    appendFileSync(path, "line 20000");
    await Bun.sleep(50);
    expect(rig.agent.status().waitingBytes).toBeLessThan(8 * 1024 * 1024);
    rmSync(path);
    sender.release();
    await rig.until(20_001);
    await rig.settled();
    expect(sender.bodies).toEqual(expected(20_001));
    while (rig.agent.status().files > 0) await Bun.sleep(5);
  });
}, 30_000);

test("symbolic links as the kubelet makes them, rotated as the kubelet does, with the pod's names", async () => {
  await withLogs(async (directory, logs) => {
    const id = "0123456789abcdef".repeat(4);
    const pod = join(directory, "pods/shop_nginx-1_5d3e/nginx");
    mkdirSync(pod, { recursive: true });
    const cri = (number: number, stream = "stdout") =>
      `2025-11-22T08:26:40.${String(number).padStart(9, "0")}Z ${stream} F line ${number}\n`;
    writeFileSync(join(pod, "0.log"), cri(0) + cri(1, "stderr"));
    symlinkSync(join(pod, "0.log"), join(logs, `nginx-1_shop_nginx-${id}.log`));
    await using rig = await startRig(
      directory,
      { container: "cri", kubernetes: true },
      { kubernetes: { nodeName: "node-7" } },
    );
    await rig.until(2);
    appendFileSync(join(pod, "0.log"), cri(2));
    renameSync(join(pod, "0.log"), join(pod, "0.log.20251122-082640"));
    writeFileSync(join(pod, "0.log"), cri(3));
    await rig.until(4);
    await rig.settled();
    expect(sorted(rig.sender.bodies)).toEqual(expected(4));
    for (const { resource } of rig.sender.records)
      expect(resource).toMatchObject({
        "k8s.namespace.name": "shop",
        "k8s.pod.name": "nginx-1",
        "k8s.pod.uid": "5d3e",
        "k8s.container.name": "nginx",
        "k8s.container.restart_count": 0,
        "k8s.node.name": "node-7",
        "container.id": id,
      });
    expect(rig.sender.records[1]).toMatchObject({
      time: "1763800000000000001",
      attributes: { "log.iostream": "stderr" },
    });
  });
}, 30_000);

test("compressed rotated files go on where their original was", async () => {
  await withLogs(async (directory, logs) => {
    const path = join(logs, "a.log");
    writeFileSync(`${path}.2.gz`, gzipSync("older\n"));
    writeFileSync(path, numbered(0, 10));
    const first = await startRig(directory, { compressed: true });
    await first.until(10);
    await first.settled();
    await first.agent.stop();
    writeFileSync(`${path}.1.gz`, gzipSync(numbered(0, 1_000)));
    rmSync(path);
    writeFileSync(path, numbered(1_000, 1_010));
    await using second = await startRig(directory, { compressed: true });
    await second.until(1_000);
    await second.settled();
    expect(sorted(second.sender.bodies)).toEqual(expected(1_010, 10));
  });
}, 30_000);

test("readFrom: end leaves out what is there at the first start, and nothing later", async () => {
  await withLogs(async (directory, logs) => {
    const path = join(logs, "a.log");
    writeFileSync(path, "old\nhalf a li");
    const first = await startRig(directory, { readFrom: "end" });
    await first.settled();
    appendFileSync(path, "ne\nline 0\n");
    await first.until(1);
    await first.settled();
    await first.agent.stop();
    writeFileSync(join(logs, "new.log"), "line 1\n");
    await using second = await startRig(directory, { readFrom: "end" });
    await second.until(1);
    await second.settled();
    expect([...first.sender.bodies, ...second.sender.bodies]).toEqual(["line 0", "line 1"]);
  });
}, 30_000);
