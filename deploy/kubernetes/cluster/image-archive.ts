/** An image in an archive, as containerd imports it (OCI image layout): one layer, and what the Dockerfile says besides. */
import { createHash } from "node:crypto";
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../docker/run.ts";

export interface ImageFacts {
  readonly folder: string;
  readonly name: string;
  /** A tar file. */
  readonly layer: string;
  readonly program: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly user: string;
}

/** Gives the archive's path. */
export async function writeImage({ folder, name, layer, program, environment, user }: ImageFacts): Promise<string> {
  const layout = join(folder, `layout-${name.replace(/\W/g, "-")}`);
  const blobs = join(layout, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const put = (content: object): { digest: string; size: number } => {
    const bytes = Buffer.from(JSON.stringify(content));
    const sum = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(blobs, sum), bytes);
    return { digest: `sha256:${sum}`, size: bytes.length };
  };
  const bytes = readFileSync(layer);
  const sum = createHash("sha256").update(bytes).digest("hex");
  linkSync(layer, join(blobs, sum));
  const config = put({
    architecture: "amd64",
    os: "linux",
    config: { User: user, Entrypoint: program, Env: Object.entries(environment).map((pair) => pair.join("=")) },
    rootfs: { type: "layers", diff_ids: [`sha256:${sum}`] },
  });
  const kind = (what: string): string => `application/vnd.oci.image.${what}`;
  const manifest = put({
    schemaVersion: 2,
    mediaType: kind("manifest.v1+json"),
    config: { mediaType: kind("config.v1+json"), ...config },
    layers: [{ mediaType: kind("layer.v1.tar"), digest: `sha256:${sum}`, size: bytes.length }],
  });
  const annotations = { "io.containerd.image.name": name };
  const index = { schemaVersion: 2, manifests: [{ mediaType: kind("manifest.v1+json"), ...manifest, annotations }] };
  writeFileSync(join(layout, "index.json"), JSON.stringify(index));
  writeFileSync(join(layout, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const archive = `${layout}.tar`;
  await run(["tar", "--create", `--file=${archive}`, `--directory=${layout}`, "."]);
  rmSync(layout, { recursive: true });
  return archive;
}
