/** What is done one after the other for each key, while other keys go on beside it. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Does `action` when all that was asked for under `key` before has ended, well or not. */
  take<T>(key: string, action: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const turn = before.then(action);
    const settled = turn
      .catch(() => undefined)
      .finally(() => {
        if (this.#last.get(key) === settled) this.#last.delete(key);
      });
    this.#last.set(key, settled);
    return turn;
  }
}
