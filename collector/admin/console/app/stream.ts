/** Reads what the collector sends: with a token where it asks for one, and again and again when the connection is lost. */
import { createEventParser, type StreamEvent } from "../model.ts";

const TOKEN_KEY = "standpipe.token";
const RETRY_MS = 2_000;

/** Kept for this tab only. */
export function getToken(): string {
  return sessionStorage.getItem(TOKEN_KEY) ?? "";
}

export function setToken(token: string): void {
  sessionStorage.setItem(TOKEN_KEY, token);
}

/** It wants to know who asks; or it would not answer whoever that is, so that nobody should say. */
export type Refusal = "who" | "never";

export class Refused extends Error {
  override readonly name = "Refused";
  readonly refusal: Refusal;

  constructor(words: string, refusal: Refusal) {
    super(words);
    this.refusal = refusal;
  }
}

/** Throws `Refused` with the collector's words where it wants to know who asks, or will not answer. */
export async function ask(path: string, signal?: AbortSignal): Promise<Response> {
  const token = getToken();
  const headers: Record<string, string> = token === "" ? {} : { authorization: `Bearer ${token}` };
  const answer = await fetch(path, { headers, ...(signal === undefined ? {} : { signal }) });
  if (answer.ok) return answer;
  const words = (await answer.text()).trim();
  if (answer.status === 401) throw new Refused(words, "who");
  if (answer.status === 403) throw new Refused(words, "never");
  throw new Error(words);
}

export interface Following {
  readonly onEvent: (event: StreamEvent) => void;
  /** "" while it is connected; else why not. */
  readonly onState: (problem: string, refused?: Refusal) => void;
}

/** Follows a stream of events until the way back is called. */
export function follow(path: string, { onEvent, onState }: Following): () => void {
  const stopped = new AbortController();
  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      try {
        const { body } = await ask(path, stopped.signal);
        if (body === null) throw new Error("the collector sent nothing");
        onState("");
        const parse = createEventParser();
        const reader = body.pipeThrough(new TextDecoderStream()).getReader();
        for (let next = await reader.read(); !next.done; next = await reader.read()) {
          for (const event of parse(next.value)) onEvent(event);
        }
        onState("the collector has closed the connection: trying again");
      } catch (reason) {
        if (stopped.signal.aborted) return;
        const refused = reason instanceof Refused ? reason.refusal : undefined;
        const words =
          reason instanceof TypeError ? "the collector does not answer: trying again" : (reason as Error).message;
        onState(words, refused);
        if (refused !== undefined) return;
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  };
  void run();
  return () => stopped.abort();
}
