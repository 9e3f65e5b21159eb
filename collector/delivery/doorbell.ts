/** Wakes those who wait for something to change; they look for themselves whether it is what they wait for. */
export class Doorbell {
  readonly #waiting = new Set<() => void>();

  /** Resolves at the next `ring`, or when `signal` is aborted. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) {
        resolve();
        return;
      }
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }

  ring(): void {
    for (const wake of [...this.#waiting]) wake();
  }
}
