/** Certificates for tests, made by openssl: an authority, and what it signs. Name the tool `openssl` in `testWith`. */
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Pair {
  readonly certificate: Buffer;
  readonly key: Buffer;
}

export interface CertificateFacts {
  /** As openssl writes them. @default localhost and 127.0.0.1 */
  readonly names?: string;
  /** Days that it is good for, from now; one that has run out has less than none. @default 1 */
  readonly days?: number;
}

export class Authority {
  readonly certificate: Buffer;
  readonly #folder: string;
  #issued = 0;

  /** Works in `folder`, which must be there. */
  constructor(folder: string, name = "authority") {
    this.#folder = join(folder, `${name}-files`);
    mkdirSync(this.#folder);
    this.#openssl(["req", "-x509", ...newKey("ca.key"), "-out", "ca.crt", "-subj", `/CN=${name}`, "-days", "2"]);
    this.certificate = this.#read("ca.crt");
  }

  issue(name: string, { names = "DNS:localhost,IP:127.0.0.1", days = 1 }: CertificateFacts = {}): Pair {
    const file = `${this.#issued++}`;
    writeFileSync(join(this.#folder, `${file}.ext`), names === "" ? "" : `subjectAltName=${names}`);
    this.#openssl(["req", ...newKey(`${file}.key`), "-out", `${file}.csr`, "-subj", `/CN=${name}`]);
    const by = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"];
    const as = ["-extfile", `${file}.ext`, "-days", String(days)];
    this.#openssl(["x509", "-req", "-in", `${file}.csr`, ...by, "-out", `${file}.crt`, ...as]);
    return { certificate: this.#read(`${file}.crt`), key: this.#read(`${file}.key`) };
  }

  #openssl(words: readonly string[]): void {
    const { exitCode, stderr } = Bun.spawnSync({ cmd: ["openssl", ...words], cwd: this.#folder });
    if (exitCode !== 0) throw new Error(`openssl ${words[0]}: ${stderr.toString()}`);
  }

  #read(file: string): Buffer {
    return readFileSync(join(this.#folder, file));
  }
}

function newKey(file: string): string[] {
  return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", file];
}

/**
 * A folder as Kubernetes mounts a Secret, and as cert-manager so changes it: files are links into `..data`, which is a
 * link to a folder of its own for each version, and is swapped by a rename.
 */
export class SecretFolder {
  readonly #folder: string;
  #version = 0;

  constructor(folder: string, files: Readonly<Record<string, string | Buffer>>) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    this.write(files);
    for (const name of Object.keys(files)) symlinkSync(join("..data", name), join(folder, name));
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  /** All files, in one swap; those that are not named stay as they are. */
  write(files: Readonly<Record<string, string | Buffer>>): void {
    const before = `..version-${this.#version}`;
    const name = `..version-${++this.#version}`;
    if (this.#version > 1) cpSync(join(this.#folder, before), join(this.#folder, name), { recursive: true });
    else mkdirSync(join(this.#folder, name));
    for (const [file, content] of Object.entries(files)) writeFileSync(join(this.#folder, name, file), content);
    const link = join(this.#folder, "..data_tmp");
    symlinkSync(name, link);
    renameSync(link, join(this.#folder, "..data"));
    if (this.#version > 1) rmSync(join(this.#folder, before), { recursive: true });
  }
}

/** The secret of a cert-manager Certificate. */
export function tlsSecret({ certificate, key }: Pair, authorities: Buffer): Record<string, Buffer> {
  return { "tls.crt": certificate, "tls.key": key, "ca.crt": authorities };
}
