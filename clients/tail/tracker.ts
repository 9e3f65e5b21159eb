/**
 * Which files are followed: new ones found, rotated ones kept until they are read, truncated ones told from grown ones.
 *
 *   rename            the inode is known: it is read on under its new name, and what has the old name begins anew
 *   copy, truncate    the file has lost what was read of it: the copy is found by its first bytes and those before the
 *                     position, takes over the position, and is read to its end; the file begins anew
 *   several at once   rotated files beside a known one that nobody has seen before are read from their beginning
 *   delete            what is open is read to its end
 *   gzip              with `compressed`, the rotated file that begins as a known one goes on where that was
 *
 * A file that was rotated before its path was ever followed is not read: it is noted as finished. But one that was written
 * since the agent began was made and rotated between two looks, and is read.
 */
import type { Assembler } from "./assembler.ts";
import { FollowedFile } from "./files/followed.ts";
import { expandGlobs } from "./files/glob.ts";
import {
  type FileFacts,
  type Fingerprint,
  factsOf,
  fingerprintsOf,
  isStillAt,
  NO_FINGERPRINT,
} from "./files/identity.ts";
import { Ledger } from "./files/ledger.ts";
import type { Position, Positions } from "./files/positions.ts";
import {
  beginsAs,
  compressedHead,
  findCopy,
  findRotated,
  isBeginningOf,
  isCopyOf,
  type RotatedFile,
  realPath,
} from "./files/rotated.ts";
import type { Log } from "./log.ts";
import type { Source } from "./source.ts";
import type { Envelope } from "./wire/request.ts";

export interface Followed {
  readonly file: FollowedFile;
  readonly source: Source;
  assembler: Assembler;
  /** Undefined until it is needed, and when what is known of the file has changed. */
  envelope: Envelope | undefined;
  /** Where metadata is waited for: until when; monotonic. */
  waitUntilMs: number | undefined;
  /** Of the labels that are in the envelope. */
  podVersion: string | undefined;
}

export interface TrackerCounts {
  found: number;
  rotated: number;
  truncated: number;
  /** Truncated ones for which no copy was found: what had not been read of them is lost. */
  truncatedWithoutCopy: number;
}

/** Follows a compressed file no further: it was there before its path was followed. */
const ALREADY_THERE = Number.MAX_SAFE_INTEGER;

/** A copy that is being made was written to a moment ago; what only begins like another file was not. */
const COPYING_MS_MAX = 10_000;

export class Tracker {
  readonly counts: TrackerCounts = { found: 0, rotated: 0, truncated: 0, truncatedWithoutCopy: 0 };
  readonly #sources: readonly Source[];
  readonly #positions: Positions;
  readonly #log: Log;
  readonly #keepMs: number;
  readonly #startedAtMs: number;
  readonly #followed = new Map<string, Followed>();
  readonly #byPath = new Map<string, Set<Followed>>();
  /** Paths (links resolved) that were followed before, in this life or another. */
  readonly #knownPaths = new Set<string>();
  /** When each position's file was last on the disk; monotonic. */
  readonly #seenMs = new Map<string, number>();
  readonly #toldProblems = new Set<string>();

  constructor(options: {
    readonly sources: readonly Source[];
    readonly positions: Positions;
    readonly log: Log;
    readonly keepMs: number;
    /** Wall time of the agent's start, in milliseconds since 1970. */
    readonly startedAtMs: number;
  }) {
    this.#sources = options.sources;
    this.#positions = options.positions;
    this.#log = options.log;
    this.#keepMs = options.keepMs;
    this.#startedAtMs = options.startedAtMs;
    for (const { path } of options.positions.all()) this.#knownPaths.add(path);
  }

  get followed(): Iterable<Followed> {
    return this.#followed.values();
  }

  /** Those whose name, or file, the path is. */
  followedAt(path: string): Followed[] {
    return [...(this.#byPath.get(path) ?? [])];
  }

  get size(): number {
    return this.#followed.size;
  }

  /** Looks through all patterns. `nowMs` is monotonic, `wallMs` since 1970. */
  refresh(nowMs: number, wallMs: number): void {
    for (const source of this.#sources) {
      const { name, include, exclude, readFrom } = source.config;
      const isFirst = !this.#positions.hasSource(name);
      const { paths, problems } = expandGlobs(include, exclude);
      for (const problem of problems) this.#tellOnce(problem);
      const real = new Set<string>();
      for (const path of paths) {
        const target = realPath(path);
        const facts = factsOf(target);
        if (facts === undefined) continue;
        real.add(target);
        this.#seenMs.set(facts.id, nowMs);
        this.#meet(source, path, target, facts, isFirst && readFrom === "end");
      }
      for (const { file, source: own } of this.#followed.values())
        if (own === source && !file.isCompressed) real.add(file.ledger.path);
      this.#refreshRotated(source, real, nowMs, wallMs);
      for (const path of real) this.#knownPaths.add(path);
      if (isFirst) this.#positions.addSource(name);
    }
    this.#prune(nowMs);
  }

  #meet(source: Source, path: string, target: string, facts: FileFacts, atEnd: boolean): void {
    const followed = this.#followed.get(facts.id);
    if (followed !== undefined) {
      // It may have been given its name back, or be what a name of another source means.
      if (!followed.file.isFinished) followed.file.isGone = followed.file.isGone && followed.file.path !== path;
      return;
    }
    const isCompressed = path.endsWith(".gz");
    if (isCompressed && !source.config.compressed) return;
    if (isCompressed) {
      this.#startCompressed(source, { path: target, of: target, isCompressed, facts }, !atEnd, path);
      return;
    }
    const row = this.#positions.get(facts.id);
    if (row !== undefined && this.#isStill(target, row, facts)) {
      if (row.offset < facts.size || !this.#isRotatedName(path, row))
        this.#put(source, path, target, row, facts, { isCompressed, isGone: false });
      return;
    }
    // Else it was renamed meanwhile: the next look finds it, and what has its name now.
    if (!isStillAt(target, facts)) return;
    if (row !== undefined) this.#adoptCopy(source, row, undefined);
    const offset = atEnd ? facts.size : 0;
    this.#put(source, path, target, { id: facts.id, path: target, name: path, offset }, facts, {
      isCompressed,
      isGone: false,
    });
  }

  /** A name that is a pattern's own, and was another's before: `*.log*` matches what rotation leaves, too. */
  #isRotatedName(path: string, row: Position): boolean {
    return row.path !== path && realPath(path) !== row.path;
  }

  #isStill(path: string, row: Position, facts: FileFacts): boolean {
    if (facts.size < row.offset) return false;
    return row.head.bytes === 0 ? row.offset === 0 : isCopyOf(path, row.head, row.tail, row.offset);
  }

  #refreshRotated(source: Source, real: ReadonlySet<string>, nowMs: number, wallMs: number): void {
    for (const rotated of findRotated(real)) {
      const { path, of, facts, isCompressed } = rotated;
      this.#seenMs.set(facts.id, nowMs);
      if (this.#followed.has(facts.id)) continue;
      if (isCompressed) {
        if (source.config.compressed)
          this.#startCompressed(source, rotated, this.#knownPaths.has(of), this.#nameOf(of));
        continue;
      }
      const row = this.#positions.get(facts.id);
      if (row !== undefined && this.#isStill(path, row, facts)) {
        if (facts.size > row.offset) this.#put(source, path, path, row, facts, { isCompressed: false, isGone: true });
        continue;
      }
      const start = { id: facts.id, path: of, name: this.#nameOf(of) };
      if (!this.#knownPaths.has(of) && facts.modifiedMs < this.#startedAtMs) {
        const prints = fingerprintsOf(path, facts.size);
        if (isStillAt(path, facts)) this.#positions.put({ ...start, ...prints, offset: facts.size, rest: "none" });
        continue;
      }
      // A copy that is being made, or whose original was not yet seen to be truncated: that decides.
      if (facts.size === 0 || this.#isCopyOfFollowed(rotated, wallMs)) continue;
      // Renamed meanwhile, it was another one that was compared: it may have been read. The next look tells.
      if (!isStillAt(path, facts)) continue;
      this.#put(source, path, path, { ...start, offset: 0 }, facts, { isCompressed: false, isGone: true });
      this.counts.rotated++;
    }
  }

  /** The name that the file at this path (links resolved) is followed under. */
  #nameOf(path: string): string {
    for (const { file } of this.followedAt(path)) return file.ledger.name;
    for (const row of this.#positions.all()) if (row.path === path) return row.name;
    return path;
  }

  /** How large the file was when it was last looked at says nothing: it may have grown before it was copied. */
  #isCopyOfFollowed({ path, of, facts }: RotatedFile, wallMs: number): boolean {
    for (const { file } of this.#followed.values()) {
      const { head } = file.ledger;
      if (file.isGone) continue;
      // Of its original nothing was read since it began anew, or the copy has less yet than is known of that.
      if (head.bytes === 0 || facts.size < head.bytes) {
        if (file.realPath === of && wallMs - facts.modifiedMs < COPYING_MS_MAX && isBeginningOf(path, of)) return true;
        continue;
      }
      // One that is being made has less than was read.
      const isPart = facts.size < file.offset;
      const [tail, offset] = isPart ? [NO_FINGERPRINT, 0] : [file.tail, file.offset];
      if (isCopyOf(path, head, tail, offset) && (!isPart || isBeginningOf(path, file.realPath))) return true;
    }
    return false;
  }

  /** `isNew`: it may hold what nobody has read; else it is noted as finished. */
  #startCompressed(source: Source, { path, of, facts }: RotatedFile, isNew: boolean, name: string): void {
    const row = this.#positions.get(facts.id);
    const stamp = stampOf(facts);
    const isKnown = row !== undefined && row.tail.hash === stamp.hash;
    if (isKnown && row.offset === ALREADY_THERE) return;
    // gzip is still writing it, or it is none.
    if (isNew && !isKnown && compressedHead(path).length === 0) return;
    const offset = isKnown ? row.offset : isNew ? (this.#resumeCompressed(source, path) ?? 0) : ALREADY_THERE;
    if (!isStillAt(path, facts)) return;
    const start = { id: facts.id, path: of, name, offset, head: NO_FINGERPRINT, tail: stamp, rest: "none" as const };
    if (offset === ALREADY_THERE) this.#positions.put(start);
    else this.#put(source, path, path, start, facts, { isCompressed: true, isGone: true });
  }

  /** Where a compressed file goes on: at the position of the file that it was before. */
  #resumeCompressed(source: Source, path: string): number | undefined {
    const head = compressedHead(path);
    // Its own file is open still, and read to its end.
    for (const { file } of this.#followed.values())
      if (file.isOpen && !file.isCompressed && file.owner === source && beginsAs(head, file.ledger.head))
        return ALREADY_THERE;
    for (const row of this.#positions.all()) if (beginsAs(head, row.head) && row.head.bytes > 0) return row.offset;
    return undefined;
  }

  /**
   * `followed` has lost what was read of it. Its copy, where there is one, takes over all that is under way; the file begins
   * anew.
   */
  restart(followed: Followed): void {
    const { file, source } = followed;
    const { ledger } = file;
    this.counts.truncated++;
    const original = {
      id: ledger.id,
      path: ledger.path,
      name: ledger.name,
      head: ledger.head,
      tail: file.tail,
      offset: file.offset,
      rest: file.rest,
    };
    const isAdopted = this.#adoptCopy(source, original, followed);
    if (!isAdopted) {
      // What is under way of it belongs to no file any more.
      followed.assembler.flush(0, true);
      ledger.id = "";
    } else followed.assembler = source.createAssembler();
    file.restart(new Ledger({ id: original.id, path: original.path, name: original.name, offset: 0 }));
    this.#positions.put({ ...original, offset: 0, head: NO_FINGERPRINT, tail: NO_FINGERPRINT, rest: "none" });
  }

  #adoptCopy(source: Source, original: Position, from: Followed | undefined): boolean {
    if (original.head.bytes === 0) return false;
    const found = findCopy(original, source.config.compressed, (id) => this.#followed.has(id));
    if (found === undefined) {
      this.counts.truncatedWithoutCopy++;
      this.#log.warn(
        { path: original.path },
        "the file was truncated and no copy of it is there: what was not read before is lost; it begins anew",
      );
      return false;
    }
    const { path, facts, isCompressed } = found;
    const ledger = from?.file.ledger ?? new Ledger(original);
    const { offset, rest } = original;
    const tail = isCompressed ? stampOf(facts) : original.tail;
    ledger.id = facts.id;
    if (isCompressed) Object.assign(ledger, { head: NO_FINGERPRINT, tail });
    const how = { isCompressed, isGone: true };
    const copy = this.#put(source, path, path, original, facts, how, ledger, from?.assembler);
    Object.assign(copy.file, { offset, tail, rest });
    this.counts.rotated++;
    return true;
  }

  #put(
    source: Source,
    path: string,
    target: string,
    start: Pick<Position, "id" | "path" | "name" | "offset"> & Partial<Position>,
    facts: FileFacts,
    { isCompressed, isGone }: { isCompressed: boolean; isGone: boolean },
    ledger = new Ledger({ ...start, id: facts.id }),
    assembler = source.createAssembler(),
  ): Followed {
    const file = new FollowedFile(path, target, ledger, isCompressed, source);
    file.isGone = isGone;
    file.size = facts.size;
    // In the middle of a line, where reading begins at the end: the rest of that is nobody's.
    if (start.offset > 0 && start.head === undefined && !isCompressed) {
      file.skipToLine();
      ledger.tail = file.tail;
      ledger.rest = file.rest;
    }
    const followed: Followed = {
      file,
      source,
      assembler,
      envelope: undefined,
      waitUntilMs: undefined,
      podVersion: undefined,
    };
    this.#followed.set(facts.id, followed);
    for (const each of [path, target]) this.#byPath.set(each, (this.#byPath.get(each) ?? new Set()).add(followed));
    this.#positions.put(positionOf(ledger));
    this.counts.found++;
    this.#log.debug({ path, offset: ledger.offset }, "following");
    return followed;
  }

  /** A finished file is forgotten once nothing of it is under way. */
  release(followed: Followed, isDeleted: boolean): void {
    const { file } = followed;
    const { ledger } = file;
    file.close();
    this.#followed.delete(ledger.id);
    for (const each of [file.path, file.realPath]) {
      const others = this.#byPath.get(each);
      others?.delete(followed);
      if (others?.size === 0) this.#byPath.delete(each);
    }
    if (isDeleted) this.#positions.delete(ledger.id);
    else if (file.isCompressed) this.#positions.put({ ...positionOf(ledger), offset: ALREADY_THERE });
  }

  /** Forgets the positions of files that have not been on the disk for `keepMs`. */
  #prune(nowMs: number): void {
    for (const { id } of this.#positions.all()) {
      if (this.#followed.has(id)) {
        this.#seenMs.set(id, nowMs);
        continue;
      }
      const seenMs = this.#seenMs.get(id);
      if (seenMs === undefined) this.#seenMs.set(id, nowMs);
      else if (nowMs - seenMs > this.#keepMs) {
        this.#positions.delete(id);
        this.#seenMs.delete(id);
      }
    }
  }

  #tellOnce(problem: string): void {
    if (this.#toldProblems.has(problem)) return;
    this.#toldProblems.add(problem);
    this.#log.warn({ problem }, "some files can't be looked for");
  }
}

/** Of a compressed file, in the place of its last bytes: another file with its inode differs in one of them. */
function stampOf({ size, modifiedMs }: FileFacts): Fingerprint {
  return { bytes: 0, hash: `${size}@${modifiedMs}` };
}

export function positionOf({ id, path, name, offset, head, tail, rest }: Ledger): Position {
  return { id, path, name, offset, head, tail, rest };
}
