/**
 * Where the delivered objects are: a folder, or S3 (any endpoint). Both are listed and read as streams, in the order of their
 * names, so that memory does not grow with how many there are.
 */
import { createReadStream } from "node:fs";
import { opendir, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import type { Readable } from "node:stream";
import type { S3Client } from "@aws-sdk/client-s3";
import { Problem, wordFor } from "./problem.ts";

export interface StoredObject {
  readonly name: string;
  readonly bytes: number;
  /** Changes when the object does. */
  readonly version: string;
}

export interface ObjectSource {
  /** What it is, for messages. */
  readonly title: string;
  list(): AsyncIterable<StoredObject>;
  /** Its bytes as they are stored. */
  open(object: StoredObject): Promise<Readable>;
  close(): void;
}

export function folderSource(directory: string): ObjectSource {
  return {
    title: directory,
    list: () => listFolder(directory, directory),
    open: async ({ name }) => createReadStream(join(directory, name)),
    close: () => undefined,
  };
}

async function* listFolder(root: string, directory: string): AsyncGenerator<StoredObject> {
  const names: { readonly name: string; readonly isFolder: boolean }[] = [];
  try {
    for await (const entry of await opendir(directory)) names.push({ name: entry.name, isFolder: entry.isDirectory() });
  } catch (reason) {
    throw new Problem(`can't read the folder ${directory} (${wordFor(reason)}): name the one that holds the objects`);
  }
  for (const { name, isFolder } of names.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(directory, name);
    if (isFolder) {
      yield* listFolder(root, path);
      continue;
    }
    const { size, mtimeMs } = await stat(path);
    yield { name: relative(root, path), bytes: size, version: String(mtimeMs) };
  }
}

export interface S3Place {
  readonly bucket: string;
  readonly prefix: string;
  readonly region: string | undefined;
  /** Another endpoint than AWS's own; the bucket then stands in the path. */
  readonly endpoint: string | undefined;
}

/** Credentials come from the AWS default chain; `s3:ListBucket` and `s3:GetObject` are what it needs. */
export async function s3Source({ bucket, prefix, region, endpoint }: S3Place): Promise<ObjectSource> {
  const { S3Client, ListObjectsV2Command, GetObjectCommand } = await import("@aws-sdk/client-s3");
  const client: S3Client = new S3Client({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
  });
  const title = `s3://${bucket}/${prefix}`;
  const refuse = (reason: unknown): never => {
    throw new Problem(`can't read ${title} (${wordFor(reason)}): check the bucket, the region and the credentials`);
  };
  return {
    title,
    async *list() {
      let token: string | undefined;
      do {
        const command = new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token });
        const page = await client.send(command).catch(refuse);
        for (const { Key = "", Size = 0, ETag = "" } of page.Contents ?? []) {
          // Consoles make empty objects to show folders.
          if (!Key.endsWith("/") || Size > 0) yield { name: Key, bytes: Size, version: ETag };
        }
        token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
      } while (token !== undefined);
    },
    open: async ({ name }) => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: name }));
      return Body as Readable;
    },
    close: () => client.destroy(),
  };
}
