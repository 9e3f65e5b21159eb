/** OK means on disk: seen from the kernel's side, on the real process. */
import { expect } from "bun:test";
import { join } from "node:path";
import { withFolder } from "../temporary.ts";
import { testWith } from "../tools.ts";
import { CollectorProcess, freePorts, type Settings } from "./collector-process.ts";
import { startFirehose } from "./observed-firehose.ts";
import { Sender } from "./sender.ts";
import { FRAME_DATA, FRAME_HEADERS, readTrace, straceInto } from "./system-calls.ts";

const LIMIT_MS = 120_000;
const EXPORTS = 40;

testWith(
  ["strace"],
  "no byte of an OK is written before an fdatasync of the journal has returned that began after the request was read",
  async () => {
    await withFolder(async (directory) => {
      await using firehose = await startFirehose(directory);
      const ports = await freePorts();
      const trace = join(directory, "trace");
      const options = { directory, endpoint: firehose.local.url, ports, wrapper: straceInto(trace) };
      const journal = join(directory, "volume", "journal");
      const settings: Settings = { journal: { directory: journal, segmentBytesMax: "1MiB", compression: "none" } };
      await using collector = await CollectorProcess.start({ ...options, settings });
      // Enough for the journal to go on to a second segment.
      using sender = new Sender({ name: "a", port: ports.ingest, recordsPerRequest: 100, bodyBytes: 600 });
      for (let count = 0; count < EXPORTS; count++) await sender.send();
      expect(sender.failures).toEqual([]);
      expect(await collector.end("SIGTERM")).toBe(0);

      let seen = await readTrace(trace, ports.ingest);
      while (!seen.ended) {
        await Bun.sleep(200);
        seen = await readTrace(trace, ports.ingest);
      }
      const { frames, syncs } = seen;
      const journalSyncs = syncs.filter(({ path }) => /\/journal\/segments\/\d+\/\d+\.log$/.test(path));
      const answers = frames.filter(({ direction, streamId }) => direction === "out" && streamId > 0);
      const streams = [
        ...new Set(answers.filter(({ type }) => type === FRAME_HEADERS).map(({ streamId }) => streamId)),
      ];
      expect(streams.length).toBe(EXPORTS);
      for (const stream of streams) {
        const request = frames.findLast((frame) => {
          return frame.direction === "in" && frame.type === FRAME_DATA && frame.streamId === stream && frame.bytes > 0;
        });
        const answer = answers.find((frame) => frame.streamId === stream && frame.type <= FRAME_HEADERS);
        const readLine = request?.line ?? Number.NaN;
        const answeredLine = answer?.line ?? Number.NaN;
        const between = journalSyncs.filter((sync) => sync.beganLine > readLine && sync.returnedLine < answeredLine);
        expect({ stream, syncs: between.length }).toEqual({ stream, syncs: 1 });
      }
      // A file is where its folders are: each of their names must be on disk as well, up to the first that was there before.
      const firstAnswer = answers.find(({ type }) => type <= FRAME_HEADERS)?.line ?? 0;
      const before = new Set(syncs.filter(({ returnedLine }) => returnedLine < firstAnswer).map(({ path }) => path));
      const folders = [directory, join(directory, "volume"), journal, join(journal, "segments"), join(journal, "meta")];
      expect(folders.filter((folder) => !before.has(folder))).toEqual([]);
      // Also where the journal went on to another segment.
      expect(new Set(journalSyncs.map(({ path }) => path)).size).toBeGreaterThan(1);
    });
  },
  LIMIT_MS,
);
