/**
 * Which routes an operator has paused, in the meta database: `paused/<route>`, a line of JSON. A pause outlives the process,
 * since a restart (a new version, a moved pod) is no reason to go on sending; whoever starts a paused route says so.
 */
import type { Meta } from "./meta.ts";

export interface Pause {
  /** Who asked for it. */
  readonly by: string;
  /** Wall time in milliseconds since 1970. */
  readonly atMs: number;
}

const PREFIX = "paused/";
const ROUTES_MAX = 10_000;

export class Pauses {
  readonly #meta: Meta;
  readonly #all = new Map<string, Pause>();

  private constructor(meta: Meta) {
    this.#meta = meta;
  }

  static async open(meta: Meta): Promise<Pauses> {
    const pauses = new Pauses(meta);
    for (const { key, value } of await meta.entries(PREFIX, ROUTES_MAX)) {
      pauses.#all.set(key.slice(PREFIX.length), JSON.parse(Buffer.from(value).toString()) as Pause);
    }
    return pauses;
  }

  get(route: string): Pause | undefined {
    return this.#all.get(route);
  }

  /** Resolves when it is on disk. */
  begin(route: string, pause: Pause): Promise<void> {
    this.#all.set(route, pause);
    return this.#meta.write([{ key: `${PREFIX}${route}`, value: Buffer.from(JSON.stringify(pause)) }]);
  }

  /** Resolves when it is on disk. */
  async end(route: string): Promise<void> {
    if (!this.#all.delete(route)) return;
    await this.#meta.write([{ key: `${PREFIX}${route}`, value: undefined }]);
  }
}
