/**
 * How many divided each route's quota when that was last known, kept in a file beside the journal: a collector that starts
 * while neither the others nor their addresses can be reached takes the part it had, and not the whole quota.
 *
 * It is a hint and no record: written without a sync, and where it can't be read or written, nothing is known.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { PEERS_MAX } from "./peers.ts";

const ROUTES_MAX = 1_000;

export class ReplicaCounts {
  readonly #path: string;
  readonly #counts: Map<string, number>;

  constructor(path: string) {
    this.#path = path;
    this.#counts = read(path);
  }

  /** 1 where nothing is known. */
  get(route: string): number {
    return this.#counts.get(route) ?? 1;
  }

  set(route: string, replicas: number): void {
    if (this.get(route) === replicas) return;
    this.#counts.set(route, replicas);
    try {
      writeFileSync(`${this.#path}.new`, JSON.stringify(Object.fromEntries(this.#counts)));
      renameSync(`${this.#path}.new`, this.#path);
    } catch {
      // A full disk, for one, of which others tell.
    }
  }
}

function read(path: string): Map<string, number> {
  try {
    const found: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof found !== "object" || found === null) return new Map();
    const isCount = (value: unknown): value is number =>
      Number.isInteger(value) && (value as number) >= 1 && (value as number) <= PEERS_MAX + 1;
    return new Map(
      Object.entries(found)
        .slice(0, ROUTES_MAX)
        .filter((entry): entry is [string, number] => isCount(entry[1])),
    );
  } catch {
    return new Map();
  }
}
