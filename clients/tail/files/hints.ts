/**
 * What the system tells of changes in folders (inotify, by fs.watch): a reason to look sooner, never the only one. Looks go
 * on whatever comes, since watches have limits, miss what happens on other machines' disks, and may not be had at all.
 */
import { type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { systemCodeOf } from "../errors.ts";
import type { Log } from "../log.ts";

/** Folders that are watched at most. */
const FOLDERS_MAX = 1_024;

export class Hints {
  readonly #isOn: boolean;
  readonly #onChange: (path: string) => void;
  readonly #log: Log;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #refused = new Set<string>();
  #waking: AbortController | undefined;

  constructor(options: { readonly isOn: boolean; readonly onChange: (path: string) => void; readonly log: Log }) {
    this.#isOn = options.isOn;
    this.#onChange = options.onChange;
    this.#log = options.log;
  }

  /** Watches these folders and no others. */
  watch(folders: ReadonlySet<string>): void {
    if (!this.#isOn) return;
    for (const [folder, watcher] of this.#watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of folders) {
      if (this.#watchers.has(folder) || this.#watchers.size >= FOLDERS_MAX) continue;
      try {
        const watcher = watch(folder, { persistent: false }, (_, name) => {
          if (name === null) return;
          this.#onChange(join(folder, name));
          this.#waking?.abort();
        });
        watcher.on("error", () => this.#forget(folder));
        this.#watchers.set(folder, watcher);
      } catch (reason) {
        const code = systemCodeOf(reason);
        if (code === "ENOENT" || this.#refused.has(folder)) continue;
        this.#refused.add(folder);
        this.#log.info({ folder, code }, "changes in this folder are not told by the system: it is looked at instead");
      }
    }
  }

  #forget(folder: string): void {
    this.#watchers.get(folder)?.close();
    this.#watchers.delete(folder);
  }

  /** Resolves after `msMax`, or sooner when something has changed or the signal is aborted. */
  async rest(msMax: number, signal: AbortSignal, clock: Clock): Promise<void> {
    const waking = new AbortController();
    this.#waking = waking;
    const stop = (): void => waking.abort();
    signal.addEventListener("abort", stop, { once: true });
    await clock.sleep(msMax, waking.signal);
    signal.removeEventListener("abort", stop);
    this.#waking = undefined;
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }
}
