/** Log records as they come in, those that pass a filter. It is off until it is asked for. */
import { useEffect, useRef, useState } from "preact/hooks";
import { count } from "../model.ts";
import { follow } from "./stream.ts";

interface Shown {
  readonly lines: readonly { readonly id: number; readonly text: string }[];
  readonly skipped: number;
  readonly problem: string;
}

const LINES_KEPT = 200;
const NOTHING: Shown = { lines: [], skipped: 0, problem: "" };

export function LiveTail({ route }: { readonly route: string }) {
  const [filter, setFilter] = useState("");
  const [asked, setAsked] = useState<string>();
  const [shown, setShown] = useState(NOTHING);
  const next = useRef(0);

  useEffect(() => {
    if (asked === undefined) return;
    setShown(NOTHING);
    const end = follow(`/console/tail?route=${encodeURIComponent(route)}&filter=${encodeURIComponent(asked)}`, {
      onEvent: ({ event, data }) => {
        if (event === "problem") {
          setShown((before) => ({ ...before, problem: data }));
          setAsked(undefined);
          return;
        }
        const { lines, skipped } = JSON.parse(data) as { lines: string[]; skipped: number };
        const fresh = lines.map((text) => ({ id: next.current++, text })).reverse();
        setShown((before) => ({
          lines: [...fresh, ...before.lines].slice(0, LINES_KEPT),
          skipped: before.skipped + skipped,
          problem: "",
        }));
      },
      onState: (problem) => setShown((before) => ({ ...before, problem })),
    });
    return end;
  }, [asked, route]);

  const isOn = asked !== undefined;
  return (
    <section class="card" aria-labelledby="tail">
      <h3 id="tail">
        Live tail <span class="muted">of what comes in, newest first</span>
      </h3>
      <form
        class="tail-form"
        onSubmit={(event) => {
          event.preventDefault();
          setAsked(filter);
        }}
      >
        <label for="filter">Filter</label>
        <input
          id="filter"
          type="text"
          spellcheck={false}
          autocomplete="off"
          placeholder={'severity >= WARN and resource.service.name = "checkout"'}
          value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
        <button type="submit">{isOn ? "Apply" : "Start"}</button>
        <button type="button" disabled={!isOn} onClick={() => setAsked(undefined)}>
          Stop
        </button>
      </form>
      {shown.problem !== "" && <pre class="bad">{shown.problem}</pre>}
      <p class="muted" aria-live="polite">
        {isOn ? `${shown.lines.length} shown` : "stopped"}
        {shown.skipped > 0 && `; ${count(shown.skipped)} passed over, so that looking costs ingest next to nothing`}
      </p>
      <ol class="tail scroll" aria-label="Log records">
        {shown.lines.map(({ id, text }) => (
          <li key={id}>
            <TailLine text={text} />
          </li>
        ))}
      </ol>
    </section>
  );
}

interface LogLine {
  readonly timestamp?: string;
  readonly severityText?: string;
  readonly severityNumber?: number;
  readonly body?: unknown;
  readonly resource?: { readonly attributes?: Readonly<Record<string, unknown>> };
}

function TailLine({ text }: { readonly text: string }) {
  let log: LogLine = {};
  try {
    log = JSON.parse(text) as LogLine;
  } catch {
    return <code>{text}</code>;
  }
  const severity = log.severityNumber ?? 0;
  const level = severity >= 17 ? "error" : severity >= 13 ? "warn" : "info";
  const service = log.resource?.attributes?.["service.name"];
  return (
    <details>
      <summary>
        <time>{(log.timestamp ?? "").slice(11, 23)}</time>{" "}
        <b class={level}>{log.severityText ?? level.toUpperCase()}</b>{" "}
        {service === undefined ? "" : <span class="muted">{String(service)} </span>}
        {typeof log.body === "string" ? log.body : JSON.stringify(log.body ?? {})}
      </summary>
      <pre>{JSON.stringify(log, null, 2)}</pre>
    </details>
  );
}
