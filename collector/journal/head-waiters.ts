/** Those who wait for the head of the journal to move. */
export class HeadWaiters {
  #waiting = new Set<() => void>();

  /** Lets everybody look again. */
  wake(): void {
    const woken = this.#waiting;
    this.#waiting = new Set();
    for (const look of woken) look();
  }

  /** Resolves when `isReached` holds, looked at now and at each `wake`, or `signal` is aborted. */
  until(isReached: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (!isReached() && !signal.aborted) {
          this.#waiting.add(look);
          return;
        }
        signal.removeEventListener("abort", cancel);
        resolve();
      };
      const cancel = (): void => {
        this.#waiting.delete(look);
        resolve();
      };
      signal.addEventListener("abort", cancel, { once: true });
      look();
    });
  }
}
