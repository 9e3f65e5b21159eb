/**
 * The part of the image that is not ours: the libraries that Bun and LevelDB's addon are linked against, certificates, and
 * the user that everything runs as. Taken from Debian's packages without installing them, with a state of apt's own, so
 * that the machine's packages stay as they are and a foreign processor needs no emulation.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Architecture } from "./architectures.ts";
import { run } from "./run.ts";

/** By `ldd`: Bun needs libc6, LevelDB's addon libstdc++6 and libgcc-s1 besides. */
const PACKAGES = ["libc6", "libgcc-s1", "libstdc++6", "ca-certificates"] as const;

/** Parts of those packages that no program of ours opens. */
const NEEDLESS = [
  "usr/share/lintian",
  "usr/share/doc/libgcc-s1",
  "usr/share/doc/libstdc++6",
  "usr/share/gcc",
  "usr/share/gdb",
  "usr/sbin",
  "etc/ld.so.conf.d",
  "etc/ca-certificates",
];
const NEEDLESS_LIBRARIES = /^(gconv|audit|libmemusage|libpcprofile|libnss_compat|libnss_hesiod|libc_malloc_debug)/;

/** The customary number of an unprivileged user in images without one. */
export const USER_ID = 65_532;
/** Where the journal lies unless configured otherwise; a volume is mounted over it. */
const DATA_FOLDER = "var/lib/standpipe";
const STICKY_FOR_ALL = 0o1777;

export async function assembleSystem(architecture: Architecture, out: string): Promise<void> {
  const scratch = join(out, ".apt");
  const libraryFolder = architecture === "amd64" ? "x86_64-linux-gnu" : "aarch64-linux-gnu";
  for (const each of ["lists/partial", "cache/archives/partial", "debs"])
    mkdirSync(join(scratch, each), { recursive: true });
  const apt = (...words: string[]) =>
    run(["apt-get", "-qq", ...aptOptions(architecture, scratch), ...words], join(scratch, "debs"));
  await apt("update");
  await apt("download", ...PACKAGES);
  for (const file of readdirSync(join(scratch, "debs")).sort()) {
    const deb = join(scratch, "debs", file);
    await run(["dpkg-deb", "--extract", deb, out]);
    // Where scanners of images look for what is inside.
    put(out, `var/lib/dpkg/status.d/${basename(file).split("_")[0]}`, await run(["dpkg-deb", "--field", deb]));
  }
  rmSync(scratch, { recursive: true });

  const authorities = join(out, "usr/share/ca-certificates/mozilla");
  const certificates = readdirSync(authorities)
    .sort()
    .map((file) => readFileSync(join(authorities, file), "utf8").trim());
  put(out, "etc/ssl/certs/ca-certificates.crt", `${certificates.join("\n")}\n`);
  for (const each of [...NEEDLESS, "usr/share/ca-certificates"])
    rmSync(join(out, each), { recursive: true, force: true });
  for (const folder of ["lib", "usr/lib"].map((each) => join(out, each, libraryFolder)).filter(existsSync)) {
    for (const each of readdirSync(folder)) {
      if (NEEDLESS_LIBRARIES.test(each)) rmSync(join(folder, each), { recursive: true });
    }
  }

  put(out, "etc/passwd", `root:x:0:0:root:/:/none\nstandpipe:x:${USER_ID}:${USER_ID}::/${DATA_FOLDER}:/none\n`);
  put(out, "etc/group", `root:x:0:\nstandpipe:x:${USER_ID}:\n`);
  put(out, "etc/nsswitch.conf", "hosts: files dns\n");
  for (const folder of [DATA_FOLDER, "proc", "sys", "dev", "tmp"]) mkdirSync(join(out, folder), { recursive: true });
  chmodSync(join(out, "tmp"), STICKY_FOR_ALL);
  // Only root may give files away, and a test may run without it; the Dockerfile's build is root.
  if (process.getuid?.() === 0) await run(["chown", `${USER_ID}:${USER_ID}`, join(out, DATA_FOLDER)]);
}

function aptOptions(architecture: Architecture, scratch: string): string[] {
  return [
    `APT::Architecture=${architecture}`,
    `APT::Architectures=${architecture}`,
    `Dir::State::lists=${join(scratch, "lists")}`,
    "Dir::State::status=/dev/null",
    `Dir::Cache=${join(scratch, "cache")}`,
    "Acquire::Languages=none",
    // apt's own user may not be able to write there; the signatures are checked all the same.
    "APT::Sandbox::User=root",
  ].flatMap((option) => ["-o", option]);
}

function put(out: string, path: string, text: string): void {
  mkdirSync(dirname(join(out, path)), { recursive: true });
  writeFileSync(join(out, path), text);
}
