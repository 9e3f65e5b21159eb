/** What an application writes to the console, as logs as well. */
import { format } from "node:util";
import type { Client } from "../client.ts";
import type { SeverityName } from "../record.ts";

/** The methods that are captured, and how severe what they write is. */
const SEVERITIES = {
  trace: "trace",
  debug: "debug",
  log: "info",
  info: "info",
  warn: "warn",
  error: "error",
} as const satisfies Record<string, SeverityName>;

type Method = keyof typeof SEVERITIES;

export interface ConsoleCapture extends Disposable {
  /** Gives the console its own methods back. */
  restore(): void;
}

const SCOPE = { name: "console" };

/**
 * From now on each line of the console is sent too; with `isSilent` it is not written any more. The first Error among the
 * arguments becomes `exception.*`. Lines that find no room are dropped, counted and told, as `client.offer` does.
 */
export function captureConsole(
  client: Client,
  { isSilent = false }: { readonly isSilent?: boolean } = {},
): ConsoleCapture {
  const own = new Map<Method, (...words: unknown[]) => void>();
  // What is written while a line is being sent (by the client, or a drop's listener) must not be sent in turn.
  let isSending = false;
  for (const [method, severity] of Object.entries(SEVERITIES) as [Method, SeverityName][]) {
    const write = console[method];
    const capture = (...words: unknown[]): void => {
      if (!isSilent || isSending) write.apply(console, words);
      if (isSending) return;
      isSending = true;
      try {
        const error = words.find((word) => word instanceof Error);
        client.offer({ severity, body: format(...words), error }, SCOPE);
      } finally {
        isSending = false;
      }
    };
    own.set(method, write);
    console[method] = capture;
  }
  const restore = (): void => {
    for (const [method, write] of own) console[method] = write;
    own.clear();
  };
  return { restore, [Symbol.dispose]: restore };
}
