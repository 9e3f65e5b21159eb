/** What a route has put aside: why, in AWS's words, and the log record itself. Asked for when it is opened. */
import { useEffect, useState } from "preact/hooks";
import { count } from "../model.ts";
import type { QuarantineRow as Entry } from "../shapes.ts";
import { ask } from "./stream.ts";

interface Loaded {
  readonly route: string;
  readonly rows: readonly Entry[];
  readonly problem: string;
}

export function QuarantineTable({ route, entries }: { readonly route: string; readonly entries: number }) {
  const [loaded, setLoaded] = useState<Loaded>({ route, rows: [], problem: "" });
  const load = async (before: readonly Entry[]): Promise<void> => {
    const last = before.at(-1)?.ordinal;
    const after = last === undefined ? "" : `&after=${last}`;
    try {
      const answer = await ask(`/console/quarantine?route=${encodeURIComponent(route)}${after}`);
      setLoaded({ route, rows: [...before, ...((await answer.json()) as Entry[])], problem: "" });
    } catch (reason) {
      setLoaded({ route, rows: before, problem: (reason as Error).message });
    }
  };
  // Asked again when the route or the number of entries changes.
  useEffect(() => void load([]), [route, entries]);
  const rows = loaded.route === route ? loaded.rows : [];
  return (
    <section class="card" aria-labelledby="quarantine">
      <h3 id="quarantine">
        Quarantine{" "}
        <span class="muted">
          {entries === 0
            ? "is empty"
            : `${count(entries)} log record${entries === 1 ? "" : "s"} that the stream can't take`}
        </span>
      </h3>
      {loaded.problem !== "" && <p class="bad">{loaded.problem}</p>}
      {rows.length > 0 && (
        <section class="scroll" aria-label="Log records in quarantine">
          <table class="entries">
            <thead>
              <tr>
                <th scope="col">Ordinal</th>
                <th scope="col">Since</th>
                <th scope="col">Reason</th>
                <th scope="col">Log record</th>
              </tr>
            </thead>
            <tbody>
              {rows.map(({ ordinal, at, reason, message, log, characters }) => (
                <tr key={ordinal}>
                  <td class="number">{ordinal}</td>
                  <td>
                    <time dateTime={at}>{at.replace("T", " ").slice(0, 19)}</time>
                  </td>
                  <td>
                    <b>{reason}</b>
                    <div>{message}</div>
                  </td>
                  <td>
                    <details>
                      <summary>{briefLog(log)}</summary>
                      <pre>{typeof log === "string" ? log : JSON.stringify(log, null, 2)}</pre>
                      {typeof log === "string" && <p class="muted">the beginning of {count(characters)} characters</p>}
                    </details>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {rows.length > 0 && rows.length < entries && (
        <button type="button" onClick={() => void load(rows)}>
          Show more
        </button>
      )}
    </section>
  );
}

const BRIEF_CHARACTERS = 90;

function briefLog(log: unknown): string {
  const body = (log as { body?: unknown } | null)?.body;
  const text = typeof log === "string" ? log : typeof body === "string" ? body : JSON.stringify(body ?? log);
  return text.length > BRIEF_CHARACTERS ? `${text.slice(0, BRIEF_CHARACTERS)}…` : text;
}
