/** The page: follows the collector's events and shows what they say. Everything it computes is in model.ts. */
import { render } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import {
  brief,
  bytes,
  count,
  diskColumns,
  diskTop,
  duration,
  flowColumns,
  goneIn,
  latencyBars,
  paceColumns,
  type Verdict,
  verdictOf,
} from "../model.ts";
import type { RouteSnapshot, Sample, Snapshot } from "../shapes.ts";
import { Chart } from "./chart.tsx";
import { NumberLine } from "./number-line.tsx";
import { QuarantineTable } from "./quarantine.tsx";
import { Segments } from "./segments.tsx";
import { follow, type Refusal, setToken } from "./stream.ts";
import { LiveTail } from "./tail.tsx";

interface Seen {
  readonly snapshot: Snapshot | undefined;
  readonly samples: readonly Sample[];
}

const SAMPLES_MAX = 600;

function Page() {
  const [seen, setSeen] = useState<Seen>({ snapshot: undefined, samples: [] });
  const [connection, setConnection] = useState<{ problem: string; refused: Refusal | undefined }>({
    problem: "connecting",
    refused: undefined,
  });
  const [attempt, setAttempt] = useState(0);
  const [chosen, setChosen] = useState<string>();

  // Another attempt follows anew.
  useEffect(() => {
    return follow("/console/events", {
      onState: (problem, refused) => setConnection({ problem, refused }),
      onEvent: ({ event, data }) => {
        const value: unknown = JSON.parse(data);
        if (event === "history") setSeen((before) => ({ ...before, samples: value as Sample[] }));
        if (event === "view") setSeen((before) => ({ ...before, snapshot: value as Snapshot }));
        if (event === "sample") {
          setSeen((before) => ({ ...before, samples: [...before.samples, value as Sample].slice(-SAMPLES_MAX) }));
        }
      },
    });
  }, [attempt]);

  const { snapshot, samples } = seen;
  const route = snapshot?.routes.find((each) => each.route === chosen) ?? snapshot?.routes[0];
  return (
    <>
      <Header snapshot={snapshot} problem={connection.problem} />
      <main>
        {connection.refused === "who" && (
          <TokenForm words={connection.problem} onToken={() => setAttempt(attempt + 1)} />
        )}
        {connection.refused === "never" && <p class="card">{connection.problem}</p>}
        {snapshot !== undefined && <Tiles snapshot={snapshot} />}
        {snapshot !== undefined && snapshot.routes.length > 1 && (
          <fieldset class="routes">
            <legend>Routes</legend>
            {snapshot.routes.map((each) => (
              <button
                type="button"
                key={each.route}
                aria-pressed={each.route === route?.route}
                onClick={() => setChosen(each.route)}
              >
                <span class={`dot ${each.state}`} /> {each.route}
              </button>
            ))}
          </fieldset>
        )}
        {snapshot !== undefined && route !== undefined && (
          <RouteView snapshot={snapshot} route={route} samples={samples} />
        )}
      </main>
    </>
  );
}

function Header({ snapshot, problem }: { readonly snapshot: Snapshot | undefined; readonly problem: string }) {
  const verdict: Verdict =
    problem !== "" || snapshot === undefined ? { tone: "warn", words: problem } : verdictOf(snapshot);
  return (
    <header>
      <h1>Standpipe</h1>
      {snapshot !== undefined && (
        <p class="muted">
          collector <b>{snapshot.collectorId}</b>, up {duration(snapshot.uptimeSeconds)},{" "}
          {bytes(snapshot.residentBytes)} of memory
        </p>
      )}
      <p class={`verdict ${verdict.tone}`} role="status">
        {verdict.words}
      </p>
    </header>
  );
}

function TokenForm({ words, onToken }: { readonly words: string; readonly onToken: () => void }) {
  return (
    <form
      class="card"
      onSubmit={(event) => {
        event.preventDefault();
        setToken(String(new FormData(event.currentTarget).get("token") ?? ""));
        onToken();
      }}
    >
      <p>{words}</p>
      <label for="token">Token</label> <input id="token" name="token" type="password" autocomplete="off" />{" "}
      <button type="submit">Show</button>
    </form>
  );
}

function Tiles({ snapshot }: { readonly snapshot: Snapshot }) {
  const { routes, journal, fullSeconds, heldCalls } = snapshot;
  const sum = (pick: (route: RouteSnapshot) => number): number =>
    routes.reduce((total, route) => total + pick(route), 0);
  const oldestMs = Math.max(0, ...routes.map(({ ageMs, line }) => (line.waiting === 0 ? 0 : ageMs)));
  const entries = sum(({ quarantineEntries }) => quarantineEntries);
  const tiles: readonly [string, string, string][] = [
    ["Waiting", count(sum(({ line }) => line.waiting)), "log records not delivered yet"],
    ["Oldest", oldestMs === 0 ? "none" : duration(oldestMs / 1_000), "has waited so long"],
    ["Gone in", goneIn(routes), "if nothing more came"],
    [
      "Journal",
      bytes(journal.bytes),
      `of ${bytes(journal.bytesMax)} in ${journal.segments} segment${journal.segments === 1 ? "" : "s"}`,
    ],
    ["Full in", fullSeconds === null ? "not growing" : duration(fullSeconds), "at the pace of the last minutes"],
    ["Quarantine", count(entries), heldCalls > 0 ? `${heldCalls} calls held` : "log records to look at"],
  ];
  return (
    <dl class="tiles">
      {tiles.map(([title, figure, words]) => (
        <div key={title} class="card">
          <dt>{title}</dt>
          <dd>
            <b>{figure}</b>
            <span class="muted">{words}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

interface RouteViewProps {
  readonly snapshot: Snapshot;
  readonly route: RouteSnapshot;
  readonly samples: readonly Sample[];
}

const STATES: Readonly<Record<string, string>> = {
  delivering: "delivering",
  backing_off: "backing off: Firehose is over its quota, or out of order",
  holding: "holding: a person must mend something",
  stopping: "stopping",
  paused: "paused by an operator: nothing is sent until it is resumed",
};

function RouteView({ snapshot, route, samples }: RouteViewProps) {
  const { journal, fullSeconds, commits } = snapshot;
  const flow = useMemo(() => flowColumns(samples, route.route), [samples, route.route]);
  const pace = useMemo(() => paceColumns(samples, route.route), [samples, route.route]);
  const disk = useMemo(
    () => diskColumns(samples, journal.bytesMax, fullSeconds),
    [samples, journal.bytesMax, fullSeconds],
  );
  const now = (columns: readonly (readonly (number | null)[])[], index: number): number => columns[index]?.at(-1) ?? 0;
  return (
    <>
      <section class="route">
        <h2>
          <span class={`dot ${route.state}`} /> {route.route} <span class="muted">to {route.stream}</span>
        </h2>
        <p>
          {STATES[route.state] ?? route.state}; {Math.round(route.share * 100)} % of the quota is this replica's, as{" "}
          {route.source.replace("_", " ")} says
          {route.lastError !== null && (
            <span class="muted">
              . Last error at {new Date(route.lastError.atMs).toLocaleTimeString()}: {route.lastError.code}:{" "}
              {route.lastError.message}
            </span>
          )}
        </p>
      </section>
      <NumberLine line={route.line} />
      <Segments segments={journal.drawn} line={route.line} route={route.route} />
      <div class="charts">
        <Chart
          title="Accepted and settled, log records/s"
          summary={`Now ${count(now(flow, 1))} accepted and ${count(now(flow, 2))} settled per second`}
          columns={flow}
          format={brief}
          lines={[
            { label: "accepted", colour: "--accepted" },
            { label: "settled", colour: "--delivered", isFilled: true },
          ]}
        />
        <Chart
          isBytes
          title="Pace, bytes/s"
          summary={`Now ${bytes(now(pace, 1))} taken of ${bytes(now(pace, 4))} per second`}
          columns={pace}
          format={bytes}
          lines={[
            { label: "taken by Firehose", colour: "--delivered", isFilled: true },
            { label: "throttled", colour: "--quarantined" },
            { label: "pacer's rate", colour: "--flight" },
            { label: "stream's ceiling", colour: "--muted", isDashed: true },
          ]}
        />
        <Chart
          isBytes
          top={diskTop}
          title="Journal on disk"
          summary={`Now ${bytes(journal.bytes)} of ${bytes(journal.bytesMax)}`}
          columns={disk}
          format={bytes}
          lines={[
            { label: "used", colour: "--accepted", isFilled: true },
            { label: "forecast", colour: "--accepted", isDashed: true },
            { label: "limit", colour: "--muted", isDashed: true },
          ]}
        />
        <Latency bounds={commits.bounds} counts={commits.counts} />
      </div>
      <QuarantineTable route={route.route} entries={route.quarantineEntries} />
      <LiveTail route={route.route} />
    </>
  );
}

function Latency({ bounds, counts }: Snapshot["commits"]) {
  const bars = latencyBars(bounds, counts);
  return (
    <section class="card chart" aria-labelledby="latency">
      <h3 id="latency">
        Synced writes by how long they took <span class="muted">since the start</span>
      </h3>
      {bars.length === 0 && <p class="muted">none yet</p>}
      <table class="histogram">
        <tbody>
          {bars.map(({ label, count: times, part }) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              <td class="histogram-bar">
                <span style={{ width: `${part * 100}%`, minWidth: times > 0 ? "2px" : "0" }} />
              </td>
              <td class="number">{count(times)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

const place = document.getElementById("page");
if (place !== null) render(<Page />, place);
