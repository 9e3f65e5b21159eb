/**
 * `bun run build:cli [file]`: the CLI as one file. Two things are not found beside a single file and are put into it: LevelDB's
 * native part (classic-level looks for it in its package's folder), and the admin service's .proto file.
 */
import { join, resolve } from "node:path";
import type { BunPlugin } from "bun";

const ROOT = join(import.meta.dir, "../..");
const PROTO = join(ROOT, "proto/standpipe/admin/v1/admin.proto");

/** The prebuilt native part for this machine. Throws where classic-level has none. */
function nativePart(): string {
  const level = Bun.resolveSync("level", ROOT);
  const folder = join(Bun.resolveSync("classic-level/package.json", level), "../prebuilds");
  const { platform, arch } = process;
  const isForMusl = platform === "linux" && isMusl();
  const all = [...new Bun.Glob("*/*.node").scanSync(folder)];
  const [part] = all.filter((path) => {
    const [where = "", name = ""] = path.split(/[\\/]/);
    return (
      where.startsWith(`${platform}-`) && where.split(/[-+]/).includes(arch) && name.includes("musl") === isForMusl
    );
  });
  if (part === undefined) throw new Error(`classic-level has no native part for ${platform}-${arch} in ${folder}`);
  return join(folder, part);
}

function isMusl(): boolean {
  const { stdout, stderr } = Bun.spawnSync({ cmd: ["ldd", "--version"], stdout: "pipe", stderr: "pipe" });
  return `${stdout}${stderr}`.includes("musl");
}

const embed: BunPlugin = {
  name: "embed",
  setup(build) {
    build.onLoad({ filter: /classic-level[\\/]binding\.js$/ }, () => ({
      contents: `module.exports = require(${JSON.stringify(nativePart())});`,
      loader: "js",
    }));
    build.onLoad({ filter: /admin[\\/]control[\\/]protocol\.ts$/ }, async () => {
      const { parse } = await import("protobufjs");
      const json = parse(await Bun.file(PROTO).text(), { keepCase: true }).root.toJSON();
      return {
        loader: "ts",
        contents: `
          import { fromJSON } from "@grpc/proto-loader";
          const options = { longs: String, enums: Number, bytes: Buffer, oneofs: true, defaults: true };
          export const ADMIN_SERVICE = "standpipe.admin.v1.Admin";
          export const ADMIN_PACKAGES = fromJSON(${JSON.stringify(json)}, options);
          export const adminDefinition = () => ADMIN_PACKAGES[ADMIN_SERVICE];
        `,
      };
    });
  },
};

/** Writes the program to `file`. Throws an Error with the words of the bundler. */
export async function buildCli(file: string): Promise<void> {
  const built = await Bun.build({
    entrypoints: [join(import.meta.dir, "main.ts")],
    compile: { outfile: file },
    plugins: [embed],
    target: "bun",
    throw: false,
  });
  if (!built.success) throw new Error(built.logs.map(String).join("\n"));
}

if (import.meta.main) {
  const [, , name = "standpipe"] = process.argv;
  if (name.startsWith("-")) {
    process.stderr.write("Usage: bun run build:cli [FILE]   (standpipe unless told)\n");
    process.exit(2);
  }
  const file = resolve(name);
  await buildCli(file);
  process.stdout.write(`${file}\n`);
}
