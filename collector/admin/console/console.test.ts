import { expect, test } from "bun:test";
import { CollectorError } from "../../errors.ts";
import { logsRequest } from "../../ingest/fixture.ts";
import type { QuarantineEntry } from "../../journal/port.ts";
import { History } from "../telemetry/history.ts";
import { viewSample } from "../telemetry/samples.ts";
import { type ConsoleParts, createConsole, isOwnName } from "./console.ts";
import type { QuarantineRow } from "./shapes.ts";
import type { Tail } from "./tail.ts";

const OPEN: ConsoleParts["authenticator"] = {
  isOpen: true,
  takesTokens: false,
  authenticate: () => ({ tenant: "x", by: "nobody_asked" }),
};

const WITH_TOKEN: ConsoleParts["authenticator"] = {
  isOpen: false,
  takesTokens: true,
  authenticate: ({ authorization }) => {
    if (authorization !== "Bearer good") throw new CollectorError("unauthenticated", "who are you?");
    return { tenant: "ann", by: "token" };
  },
};

function startConsole(authenticator = OPEN, entries: readonly QuarantineEntry[] = []) {
  const watchers = new Set<(view: ReturnType<typeof viewSample>) => void>();
  const shown = createConsole({
    authenticator,
    telemetry: {
      history: new History(0, 0),
      view: viewSample,
      watch: (watcher) => {
        watchers.add(watcher);
        return () => watchers.delete(watcher);
      },
    },
    tail: {} as Tail,
    routes: () => [],
    segments: () => [],
    quarantine: {
      list: async (_route, limit, after = -1n) => entries.filter(({ ordinal }) => ordinal > after).slice(0, limit),
    },
  });
  const ask = async (
    path: string,
    callerAddress = "127.0.0.1",
    headers: Record<string, string> = {},
    isPrivate = false,
  ): Promise<Response> => {
    const way = { callerAddress, isPrivate };
    const answer = shown.answer(new Request(`http://127.0.0.1:4319${path}`, { headers }), way);
    if (answer === undefined) throw new Error("not one of its paths");
    return await answer;
  };
  return { ask, watchers, shown };
}

test("without tokens logs are shown to this machine only; the page, which holds none, to everybody", async () => {
  const { ask } = startConsole();
  expect((await ask("/console/quarantine")).status).toBe(200);
  expect((await ask("/console/quarantine", "::1")).status).toBe(200);
  for (const address of ["10.0.0.7", "::ffff:10.0.0.7", ""]) {
    const answer = await ask("/console/events", address);
    expect(answer.status).toBe(403);
    expect(await answer.text()).toContain("kubectl port-forward");
  }
  expect((await ask("/", "10.0.0.7")).status).toBe(200);
});

test("with tokens everybody needs one, this machine too", async () => {
  const { ask } = startConsole(WITH_TOKEN);
  expect((await ask("/console/quarantine")).status).toBe(401);
  expect((await ask("/console/quarantine", "127.0.0.1", { authorization: "Bearer bad" })).status).toBe(401);
  expect((await ask("/console/quarantine", "127.0.0.1", { authorization: "Bearer good" })).status).toBe(200);
  expect((await ask("/console/quarantine", "10.0.0.7", { authorization: "Bearer good" }, true)).status).toBe(200);
  expect((await ask("/console/quarantine", "10.0.0.7", {}, true)).status).toBe(401);
});

test("from other machines neither logs nor a token go in plaintext, unless that is asked for", async () => {
  const { ask } = startConsole(WITH_TOKEN);
  for (const headers of [{ authorization: "Bearer good" }, {}] as Record<string, string>[]) {
    const answer = await ask("/console/events", "10.0.0.7", headers);
    // Not 401: the page would ask for a token then.
    expect(answer.status).toBe(403);
    expect(await answer.text()).toContain("admin.pageAddress");
  }
});

test("where administrators have certificates alone, the page says that it wants tokens, and asks for none", async () => {
  const { ask } = startConsole({ ...WITH_TOKEN, takesTokens: false });
  const answer = await ask("/console/events");
  expect(answer.status).toBe(403);
  expect(await answer.text()).toContain("set admin.tokens beside admin.authorities");
});

test("the page runs nothing but its own script, and asks nobody but its collector", async () => {
  const { ask } = startConsole();
  const page = await ask("/");
  const policy = page.headers.get("content-security-policy") ?? "";
  expect(policy).toMatch(/default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; connect-src 'self'/);
  expect(await page.text()).not.toMatch(/(src|href)="https?:/);
});

test("so many pages may be open and no more, and one that is closed makes room", async () => {
  const { ask, watchers, shown } = startConsole();
  const open = await Promise.all(Array.from({ length: 16 }, () => ask("/console/events")));
  expect(open.every(({ status }) => status === 200)).toBe(true);
  expect((await ask("/console/events")).status).toBe(503);
  await open[0]?.body?.cancel();
  expect(watchers.size).toBe(15);
  expect((await ask("/console/events")).status).toBe(200);
  shown.close();
  expect(watchers.size).toBe(0);
});

test("a page that does not read misses events, and costs no memory for them", async () => {
  const { ask, watchers } = startConsole();
  const { body } = await ask("/console/events");
  const view = viewSample();
  for (let second = 0; second < 5_000; second++) for (const watcher of watchers) watcher(view);
  let bytes = 0;
  const reader = body?.getReader();
  for (;;) {
    const next = await Promise.race([reader?.read(), Bun.sleep(50)]);
    if (next === undefined || next.done) break;
    bytes += next.value.length;
  }
  expect(bytes).toBeGreaterThan(500_000);
  expect(bytes).toBeLessThan(1_200_000);
});

function entriesOf(count: number, bodyBytes: number): QuarantineEntry[] {
  const request = logsRequest(1, bodyBytes);
  return Array.from({ length: count }, (_, index) => {
    return { ordinal: BigInt(index), reason: "line_too_large", message: "too large", atMs: 0, request };
  });
}

test("the quarantine is shown in pages, each going on where the one before ended, long log records cut short", async () => {
  const rowsOf = async (entries: QuarantineEntry[], after = ""): Promise<QuarantineRow[]> => {
    const answer = await startConsole(OPEN, entries).ask(`/console/quarantine?route=a&after=${after}`);
    return (await answer.json()) as QuarantineRow[];
  };
  const short = entriesOf(70, 10);
  expect((await rowsOf(short)).map(({ ordinal }) => ordinal)).toEqual(
    Array.from({ length: 50 }, (_, at) => String(at)),
  );
  expect(await rowsOf(short, "49")).toHaveLength(20);
  expect((await rowsOf(short))[0]).toMatchObject({ reason: "line_too_large", log: { body: "0 xxxxxxxx" } });
  const [first, ...others] = await rowsOf(entriesOf(50, 1_000_000));
  expect(others).toHaveLength(2);
  expect(String(first?.log)).toHaveLength(20_001);
  expect(first?.characters).toBeGreaterThan(1_000_000);
});

test("on loopback a name that was only pointed here is not answered", () => {
  for (const name of ["127.0.0.1", "localhost", "[::1]"]) expect(isOwnName("127.0.0.1", name)).toBe(true);
  for (const name of ["evil.example", "127.0.0.1.evil.example", "10.0.0.7"]) {
    expect(isOwnName("127.0.0.1", name)).toBe(false);
    expect(isOwnName("::1", name)).toBe(false);
    expect(isOwnName("0.0.0.0", name)).toBe(true);
  }
});
