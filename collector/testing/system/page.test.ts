/** The page in a browser, before a real collector: it shows what goes on, obeys the keyboard, and everybody can read it. */
import { expect } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";
import { withFolder } from "../temporary.ts";
import { testWith } from "../tools.ts";
import { CollectorProcess, freePorts, type Settings } from "./collector-process.ts";
import { startFirehose } from "./observed-firehose.ts";
import { Sender } from "./sender.ts";

const LIMIT_MS = 120_000;
const AXE = readFileSync(Bun.fileURLToPath(import.meta.resolve("axe-core/axe.min.js")), "utf8");

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string }[];
}

async function withPage(
  body: (browser: Browser, url: string, sender: Sender, ingestPort: number) => Promise<void>,
  tokens?: string,
  others: Settings = {},
): Promise<void> {
  await withFolder(async (directory) => {
    const file = join(directory, "tokens");
    if (tokens !== undefined) writeFileSync(file, tokens);
    const settings = tokens === undefined ? others : { ...others, admin: { tokens: file } };
    await using firehose = await startFirehose(directory);
    const ports = await freePorts();
    await using _collector = await CollectorProcess.start({
      directory,
      endpoint: firehose.local.url,
      ports,
      settings,
    });
    using sender = new Sender({ name: "a", port: ports.ingest });
    const browser = await chromium.launch({ executablePath: Bun.which("chromium") ?? "", args: ["--no-sandbox"] });
    try {
      await body(browser, `http://127.0.0.1:${ports.admin}/`, sender, ports.ingest);
    } finally {
      await browser.close();
    }
  });
}

/** Violations that keep somebody from using the page. */
async function violationsOf(page: Page): Promise<string[]> {
  await page.addScriptTag({ content: AXE });
  const { violations } = (await page.evaluate("axe.run()")) as { violations: readonly Violation[] };
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
}

testWith(
  ["chromium"],
  "the page shows what was accepted and delivered, follows it, and finds no fault with a browser's own checks",
  async () => {
    await withPage(async (browser, url, sender) => {
      await sender.send();
      const page = await browser.newPage();
      const faults: string[] = [];
      page.on("pageerror", (error) => faults.push(error.message));
      page.on("console", (message) => message.type() === "error" && faults.push(message.text()));
      await page.goto(url);
      await page.getByText("Every log record is accounted for").waitFor();
      await page.getByRole("img", { name: /all since the route began: .*on disk 20,/ }).waitFor();
      for (let index = 0; index < 4; index++) await sender.send();
      await page.getByRole("img", { name: /all since the route began: .*on disk 100,/ }).waitFor();
      await page.getByRole("img", { name: /^Accepted and settled/ }).waitFor();
      await page.getByRole("img", { name: /^1 segment, .*; route default has passed \d+ of them/ }).waitFor();
      expect(await page.locator("canvas").count()).toBe(3);
      expect(faults).toEqual([]);
    });
  },
  LIMIT_MS,
);

/** Pixels of the line `used` in the uppermost tenth of the chart of the disk; undefined while it is not drawn. */
const DRAWN_AT_THE_TOP = `(() => {
  const canvas = document.querySelector('[aria-label^="Journal on disk"] canvas');
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const bluish = [];
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] > 200 && data[at + 2] > data[at] + 60) bluish.push(Math.floor(at / 4 / canvas.width));
  }
  return bluish.length === 0 ? undefined : bluish.filter((row) => row < canvas.height / 10).length;
})()`;

testWith(
  ["chromium"],
  "the axis of the journal on disk grows with it",
  async () => {
    const settings: Settings = { journal: { compression: "none" }, firehose: { bytesPerSecond: "1KiB" } };
    await withPage(
      async (browser, url, sender, ingestPort) => {
        await sender.send();
        const page = await browser.newPage();
        await page.goto(url);
        await page.getByRole("img", { name: /^Journal on disk. Now [\d.]+ KiB/ }).waitFor();
        using large = new Sender({ name: "b", port: ingestPort, recordsPerRequest: 20, bodyBytes: 100_000 });
        await large.send();
        await page.getByRole("img", { name: /^Journal on disk. Now [\d.]+ MiB/ }).waitFor();
        // It is drawn in the same turn as that is said, or the next.
        while ((await page.evaluate(DRAWN_AT_THE_TOP)) === undefined) await Bun.sleep(20);
        await Bun.sleep(2_000);
        expect(await page.evaluate(DRAWN_AT_THE_TOP)).toBe(0);
      },
      undefined,
      settings,
    );
  },
  LIMIT_MS,
);

testWith(
  ["chromium"],
  "the live tail is started, filtered, corrected and stopped by the keyboard alone",
  async () => {
    await withPage(async (browser, url, sender) => {
      const page = await browser.newPage();
      await page.goto(url);
      await page.getByLabel("Filter").focus();
      await page.keyboard.type("severty = 1");
      await page.keyboard.press("Enter");
      await page.getByText("did you mean severity?").waitFor();
      await page.keyboard.press("ControlOrMeta+A");
      await page.keyboard.type("body =~ /^a-2/");
      await page.keyboard.press("Enter");
      await page.getByText("0 shown").waitFor();
      const lines = page.getByRole("list", { name: "Log records" }).getByRole("listitem");
      while ((await lines.count()) === 0) await sender.send();
      expect(await lines.first().textContent()).toContain("a-2");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await page.getByText("stopped").waitFor();
    });
  },
  LIMIT_MS,
);

testWith(
  ["chromium"],
  "where administrators have tokens the page asks for one, says what is wrong with it, and keeps it for its tab",
  async () => {
    const token = "a-token-that-is-long-enough-to-be-one";
    await withPage(async (browser, url) => {
      const page = await browser.newPage();
      await page.goto(url);
      await page.getByText("who are you?").first().waitFor();
      await page.getByLabel("Token").focus();
      await page.keyboard.type("wrong");
      await page.keyboard.press("Enter");
      await page.getByText("the token is none that this collector knows").first().waitFor();
      await page.getByLabel("Token").fill(token);
      await page.keyboard.press("Enter");
      await page.getByText("Every log record is accounted for").waitFor();
      expect(await page.getByLabel("Token").count()).toBe(0);
      await page.reload();
      await page.getByText("Every log record is accounted for").waitFor();
    }, `ann ${token}\n`);
  },
  LIMIT_MS,
);

for (const colorScheme of ["light", "dark"] as const) {
  testWith(
    ["chromium"],
    `axe finds nothing serious in the ${colorScheme} page, wide and on a phone, where nothing is cut off`,
    async () => {
      await withPage(async (browser, url, sender) => {
        await sender.send();
        for (const viewport of [
          { width: 1_280, height: 900 },
          { width: 360, height: 740 },
        ]) {
          // The policy forbids foreign scripts, axe among them.
          const context = await browser.newContext({ viewport, colorScheme, reducedMotion: "reduce", bypassCSP: true });
          const page = await context.newPage();
          await page.goto(url);
          await page.getByRole("button", { name: "Start" }).click();
          // The tail shows what comes after it has begun, and nobody is told when that is.
          const shown = page.getByRole("listitem").filter({ hasText: "a-" });
          while ((await shown.count()) === 0) await sender.send();
          expect(await violationsOf(page)).toEqual([]);
          const [needed, given] = (await page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]",
          )) as [number, number];
          expect(needed).toBeLessThanOrEqual(given);
          const bar = "document.querySelector('.bar span')";
          const transition = await page.evaluate(`getComputedStyle(${bar}).transitionDuration`);
          expect(transition).toBe("0s");
          await context.close();
        }
      });
    },
    LIMIT_MS,
  );
}

testWith(
  ["chromium"],
  "what is in quarantine is told at the top, and shown with its log record, on a phone too",
  async () => {
    const settings: Settings = { firehose: { oversize: "quarantine" } };
    await withPage(
      async (browser, url, _sender, ingestPort) => {
        using large = new Sender({ name: "b", port: ingestPort, recordsPerRequest: 1, bodyBytes: 1_023_990 });
        await large.send();
        const context = await browser.newContext({ viewport: { width: 360, height: 740 }, bypassCSP: true });
        const page = await context.newPage();
        await page.goto(url);
        await page.getByText("1 in quarantine; every log record is accounted for").waitFor();
        await page.getByText("1 log record that the stream can't take").waitFor();
        const record = page.getByRole("region", { name: "Log records in quarantine" }).locator("summary");
        await record.click();
        const box = await record.boundingBox();
        if (box === null) throw new Error("it can't be seen");
        expect(box.x).toBeGreaterThanOrEqual(0);
        expect(box.x + box.width).toBeLessThanOrEqual(360);
        expect(await violationsOf(page)).toEqual([]);
      },
      undefined,
      settings,
    );
  },
  LIMIT_MS,
);
