/** All scenarios, on the virtual clock: what `bun run simulate` shows of them must be reached. */
import { expect, test } from "bun:test";
import { draw } from "./draw.ts";
import { measure, missed } from "./measure.ts";
import { loadScenarios, parseScenario } from "./scenario.ts";
import { play } from "./world.ts";

for (const scenario of await loadScenarios([])) {
  test(`delivery reaches its figures: ${scenario.title}`, async () => {
    const figures = measure(await play(scenario));
    expect(figures.saturatedSeconds).toBeGreaterThan(30);
    expect({ figures, missed: missed(figures) }).toEqual({ figures, missed: [] });
  });
}

test("replicas that can't reach each other divide the quota by feedback alone", async () => {
  const text = JSON.stringify({
    title: "Three replicas, cut off from each other, that believe in twice the quota",
    seconds: 90,
    quotaMibPerSecond: 1,
    ceilingMibPerSecond: 2,
    isCutOff: true,
    replicas: [{ count: 3, backlogMib: 100 }],
  });
  const { used, throttled, jain } = measure(await play(parseScenario("cut-off", text)));
  expect(used).toBeGreaterThan(0.9);
  expect(throttled).toBeLessThan(0.05);
  expect(jain).toBeGreaterThan(0.8);
});

const SHORT = `
title: Two replicas, one of which comes & goes
seconds: 12
quotaMibPerSecond: 1
ceilingMibPerSecond: 1
replicas:
  - backlogMib: 20
  - { startsAtSeconds: 4, diesAtSeconds: 8, backlogMib: 20 }
`;

test("the same scenario comes out the same every time, and with another seed otherwise", async () => {
  const scenario = parseScenario("short", SHORT);
  const first = await play(scenario);
  expect(await play(scenario)).toEqual(first);
  expect((await play({ ...scenario, seed: 2 })).steps).not.toEqual(first.steps);
});

test("a replica sends between its start and its death, and at no other time", async () => {
  const { steps, changes } = await play(parseScenario("short", SHORT));
  const sent = steps.filter(({ replicas }) => (replicas[1]?.acceptedBytes ?? 0) > 0).map(({ seconds }) => seconds);
  expect(Math.min(...sent)).toBe(4);
  expect(Math.max(...sent)).toBeLessThan(8);
  expect(changes.map(({ what }) => what)).toEqual(["start", "replica-1 starts", "replica-1 dies"]);
});

test("what the stream refuses is not counted as accepted: it never takes more than quota and bucket", async () => {
  const scenario = { ...parseScenario("short", SHORT), ceilingMibPerSecond: 3 };
  const { steps } = await play(scenario);
  let [accepted, throttled] = [0, 0];
  for (const { replicas } of steps) {
    for (const { acceptedBytes, throttledBytes } of replicas) {
      accepted += acceptedBytes;
      throttled += throttledBytes;
    }
  }
  expect(throttled).toBeGreaterThan(0);
  expect(accepted).toBeLessThanOrEqual(13 * 1024 * 1024);
});

test("a run is drawn as one picture, with its title escaped", async () => {
  const svg = draw(await play(parseScenario("short", SHORT)), "used 0.99");
  expect(svg).toStartWith("<svg");
  expect(svg).toContain("Two replicas, one of which comes &amp; goes");
  expect(svg).toContain("used 0.99");
  expect(svg).toContain("replica-1 dies");
});

test("a scenario with a wrong key, or without what it needs, is refused by name", async () => {
  expect(() => parseScenario("odd", `${SHORT}quota: 3\n`)).toThrow(/odd is no scenario:\n.*quota/);
  expect(() => parseScenario("odd", "title: x")).toThrow(/seconds/);
  await expect(loadScenarios(["nothing"])).rejects.toThrow("no scenario is called nothing");
});
