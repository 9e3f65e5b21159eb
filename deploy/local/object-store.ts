/**
 * Where objects go: a port of two steps, so that an object appears whole or not at all, and so that what can't be
 * delivered yet waits on disk instead of in memory. On disk, staged bytes are files under `.staging` and publishing
 * is a rename; neither is synced, since this is a stand-in and no store.
 */
import { mkdir, mkdtemp, readdir, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";

export interface StagedObject {
  /** Makes the object visible under `<bucket>/<key>`. */
  publish(bucket: string, key: string): Promise<void>;
  /** Gives the bytes up. */
  discard(): Promise<void>;
}

export interface ObjectStore {
  stage(content: Buffer): Promise<StagedObject>;
}

const STAGING = ".staging";

/** Objects as files: `<directory>/<bucket>/<key>`, a folder per slash. Several may share a directory. */
export class FileObjectStore implements ObjectStore {
  readonly #directory: string;
  #staging = "";
  #count = 0;

  constructor(directory: string) {
    this.#directory = resolve(directory);
  }

  /** Makes the directory and, in it, a folder of its own for staging. */
  async open(): Promise<void> {
    await mkdir(join(this.#directory, STAGING), { recursive: true });
    this.#staging = await mkdtemp(join(this.#directory, STAGING, "run-"));
  }

  /** Removes the staging folder, if nothing is left in it that should have been published. */
  async close(): Promise<void> {
    await rmdir(this.#staging).catch(() => undefined);
    await rmdir(join(this.#directory, STAGING)).catch(() => undefined);
  }

  async stage(content: Buffer): Promise<StagedObject> {
    const path = join(this.#staging, String(this.#count++));
    await writeFile(path, content);
    return {
      publish: async (bucket, key) => {
        const target = this.#pathOf(bucket, key);
        await mkdir(dirname(target), { recursive: true });
        await rename(path, target);
      },
      discard: () => rm(path, { force: true }),
    };
  }

  /** A prefix may hold `..`; in S3 that is a name like any other, here it must not leave the directory. */
  #pathOf(bucket: string, key: string): string {
    const steps = [bucket, ...key.split("/")].map((step) =>
      /^\.{1,2}$/.test(step) ? step.replaceAll(".", "%2E") : step,
    );
    return join(this.#directory, ...steps);
  }
}

/** Objects in memory, in the order in which they appeared: for tests and simulations. */
export class MemoryObjectStore implements ObjectStore {
  readonly objects: { readonly bucket: string; readonly key: string; readonly content: Buffer }[] = [];

  stage(content: Buffer): Promise<StagedObject> {
    return Promise.resolve({
      publish: (bucket, key) => {
        this.objects.push({ bucket, key, content });
        return Promise.resolve();
      },
      discard: () => Promise.resolve(),
    });
  }
}

/** One object on disk. */
export interface StoredObject {
  readonly bucket: string;
  readonly key: string;
  readonly path: string;
}

/** Every object under a directory that a local Firehose wrote to, in the order of bucket and key. */
export async function listObjects(directory: string): Promise<StoredObject[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path, steps: path.slice(resolve(directory).length + 1).split(sep) }))
    .filter(({ steps }) => steps.length > 1 && steps[0] !== STAGING)
    .map(({ path, steps: [bucket = "", ...key] }) => ({ bucket, key: key.join("/"), path }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}
