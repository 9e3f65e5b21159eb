/**
 * Flushes a client when its process is asked to stop, or falls over: asked for, never done by itself.
 *
 *   SIGTERM, SIGINT     flush; then, where nobody else listens for the signal, let it end the process as it would have
 *   uncaught exception  flush; then, where nobody else handles it, print it and exit with 1, as it would have
 *   process.exit()      nothing can be awaited any more: what is left is reported
 *
 * An application that has handlers of its own keeps the last word: this one only flushes beside them.
 */
import type { Client } from "../client.ts";
import type { FlushReport } from "../client-types.ts";

export interface ExitOptions {
  /** How long a flush may take. @default 5 s, well below the grace of common supervisors */
  readonly deadlineMs?: number;
  /** @default SIGTERM and SIGINT */
  readonly signals?: readonly NodeJS.Signals[];
  /** Whether uncaught exceptions and rejections are waited for too. @default true */
  readonly isForExceptions?: boolean;
  /** Told what was left when the time was over. @default a line on console.error */
  readonly onLeft?: (report: FlushReport) => void;
}

export interface ExitWatch extends Disposable {
  stop(): void;
}

export function flushOnExit(client: Client, options: ExitOptions = {}): ExitWatch {
  const { deadlineMs = 5_000, signals = ["SIGTERM", "SIGINT"], isForExceptions = true, onLeft = sayLeft } = options;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= client.close(deadlineMs).then((report) => {
      if (report.recordsLeft + report.recordsSpooled > 0) onLeft(report);
    });
    return closing;
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    const isOnlyListener = process.listenerCount(signal) === 1;
    void close().then(() => {
      stop();
      if (isOnlyListener) process.kill(process.pid, signal);
    });
  };
  const onException = (error: unknown): void => {
    const isOnlyListener = process.listenerCount("uncaughtException") === 1;
    if (isOnlyListener) console.error(error);
    void close().then(() => {
      stop();
      if (isOnlyListener) process.exit(1);
    });
  };
  // Bun ends the process at a rejection without asking handlers of exceptions; Node hands it to them, as this does.
  const onRejection = (reason: unknown): void => {
    if (process.listenerCount("unhandledRejection") > 1) return;
    process.emit("uncaughtException", reason as Error, "unhandledRejection");
  };
  const onExit = (): void => {
    const { waiting, spool } = client.status();
    const recordsSpooled = spool?.records ?? 0;
    if (waiting > 0) onLeft({ isComplete: false, recordsLeft: waiting - recordsSpooled, recordsSpooled });
  };
  const stop = (): void => {
    for (const signal of signals) process.off(signal, onSignal);
    process.off("uncaughtException", onException);
    process.off("unhandledRejection", onRejection);
    process.off("exit", onExit);
  };
  for (const signal of signals) process.on(signal, onSignal);
  if (isForExceptions) {
    process.on("uncaughtException", onException);
    process.on("unhandledRejection", onRejection);
  }
  process.on("exit", onExit);
  return { stop, [Symbol.dispose]: stop };
}

function sayLeft({ recordsLeft, recordsSpooled }: FlushReport): void {
  const kept = recordsSpooled > 0 ? `; ${recordsSpooled} are kept in the spool for the next start` : "";
  console.error(`@standpipe/client: ${recordsLeft} log records were not acknowledged when the process ended${kept}`);
}
