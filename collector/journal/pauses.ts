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
    const { rows, damaged } = await meta.rows(
      PREFIX,
      ROUTES_MAX,
      (value) => JSON.parse(Buffer.from(value).toString()) as Pause,
    );
    for (const [route, pause] of rows) pauses.#all.set(route, pause);
    // That it was paused is what its key says.
    for (const route of damaged) pauses.#all.set(route, { by: "somebody, by a row that is damaged", atMs: 0 });
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
