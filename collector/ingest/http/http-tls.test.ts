import { expect } from "bun:test";
import { connect } from "node:tls";
import { checkTls, type TlsFiles } from "../../identity/tls-files.ts";
import { Authority, type Pair } from "../../testing/certificates.ts";
import { withFolder } from "../../testing/temporary.ts";
import { testWith } from "../../testing/tools.ts";
import { logsRequest, startIngest } from "../fixture.ts";
import type { HttpTls } from "./http-front.ts";

/** Files that a test changes. */
class TestFiles {
  #value: TlsFiles;
  readonly #listeners = new Set<(value: TlsFiles) => void>();

  constructor(value: TlsFiles) {
    this.#value = value;
  }

  get value(): TlsFiles {
    return this.#value;
  }

  set(value: TlsFiles): void {
    this.#value = value;
    for (const listener of this.#listeners) listener(value);
  }

  onChange(listener: (value: TlsFiles) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

function filesOf({ certificate, key }: Pair, authorities?: Buffer): TlsFiles {
  return checkTls(certificate, key, authorities, Date.now());
}

function startTls(files: TestFiles, clients: HttpTls["clients"]) {
  return startIngest({ http: { address: "127.0.0.1:0", tls: { files, clients } } });
}

async function post(port: number, ca: Buffer, client?: Pair): Promise<number | string> {
  const own = client === undefined ? {} : { cert: client.certificate, key: client.key };
  try {
    const { status } = await fetch(`https://localhost:${port}/v1/logs`, {
      method: "POST",
      body: logsRequest(1),
      headers: { "content-type": "application/x-protobuf" },
      keepalive: false,
      tls: { ca, ...own },
    });
    return status;
  } catch {
    return "no connection";
  }
}

/** The name in the certificate that a new connection is shown. */
function shownName(port: number, ca: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, ca, servername: "localhost" }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

testWith(
  ["openssl"],
  "TLS: a new certificate is shown to new connections, and no request fails over the change",
  async () => {
    await withFolder(async (folder) => {
      const authority = new Authority(folder);
      const files = new TestFiles(filesOf(authority.issue("first")));
      await using run = await startTls(files, "none");
      const port = run.server.httpPort as number;
      expect(await post(port, authority.certificate)).toBe(200);
      expect(await shownName(port, authority.certificate)).toBe("first");
      run.appender.pause();
      const underWay = post(port, authority.certificate);
      while (run.appender.attempts < 2) await Bun.sleep(1);
      files.set(filesOf(authority.issue("second")));
      expect(await shownName(port, authority.certificate)).toBe("second");
      run.appender.resume();
      expect(await underWay).toBe(200);
      expect(await post(port, authority.certificate)).toBe(200);
    });
  },
);

testWith(["openssl"], "TLS: where client certificates are required, nobody gets in without one of ours", async () => {
  await withFolder(async (folder) => {
    const ours = new Authority(folder);
    const files = new TestFiles(filesOf(ours.issue("server"), ours.certificate));
    const stranger = new Authority(folder, "stranger").issue("client");
    await using run = await startTls(files, "required");
    const port = run.server.httpPort as number;
    expect(await post(port, ours.certificate)).toBe("no connection");
    expect(await post(port, ours.certificate, stranger)).toBe("no connection");
    expect(await post(port, ours.certificate, ours.issue("client"))).toBe(200);
    expect(run.appender.records).toBe(1);
  });
});
