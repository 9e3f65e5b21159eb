import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../clock.ts";
import { silentLog } from "../log.ts";
import { withLogs } from "../testing/folder.ts";
import { metadataOfPath } from "./path.ts";
import { PodWatch } from "./pods.ts";

/** An API server that knows pods, and tells who watches of changes. */
class FakeApiServer implements Disposable {
  readonly requests: URL[] = [];
  readonly pods = new Map<string, Record<string, string>>();
  refusals = 0;
  readonly #watchers = new Set<ReadableStreamDefaultController<string>>();
  readonly #server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: (request) => this.#answer(request),
  });

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  get watching(): number {
    return this.#watchers.size;
  }

  tell(type: string, name: string, labels: Record<string, string> = {}): void {
    // In two pieces, as networks do.
    const line = `${JSON.stringify({ type, object: podOf(name, labels) })}\n`;
    for (const watcher of this.#watchers) {
      watcher.enqueue(line.slice(0, 10));
      watcher.enqueue(line.slice(10));
    }
  }

  endWatches(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers.clear();
  }

  #answer(request: Request): Response {
    const url = new URL(request.url);
    this.requests.push(url);
    if (request.headers.get("authorization") !== "Bearer secret") return new Response("", { status: 401 });
    if (this.refusals-- > 0) return new Response("", { status: 503 });
    if (url.searchParams.get("watch") === "1") {
      const stream = new ReadableStream<string>({ start: (controller) => void this.#watchers.add(controller) });
      return new Response(stream);
    }
    const names = [...this.pods];
    const from = Number(url.searchParams.get("continue") ?? 0);
    const more = from + 1 < names.length ? { continue: String(from + 1) } : {};
    const items = names.slice(from, from + 1).map(([name, labels]) => podOf(name, labels));
    return Response.json({ metadata: { resourceVersion: "7", ...more }, items });
  }

  [Symbol.dispose](): void {
    void this.#server.stop(true);
  }
}

function podOf(name: string, labels: Record<string, string>) {
  return { metadata: { name, namespace: "shop", uid: `uid-${name}`, labels, annotations: { note: "n" } } };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await Bun.sleep(5);
}

test("labels of the node's pods come by one list and a watch, and stay when the pod is gone", async () => {
  await withLogs(async (directory) => {
    using server = new FakeApiServer();
    server.pods.set("a", { app: "web" });
    server.pods.set("b", { app: "db" });
    server.refusals = 1;
    const tokenFile = join(directory, "token");
    writeFileSync(tokenFile, "secret\n");
    const pods = new PodWatch({
      apiServer: server.url,
      tokenFile,
      caFile: "",
      nodeName: "node-7",
      labels: true,
      annotations: false,
      clock: { ...systemClock, sleep: () => Bun.sleep(1) },
      log: silentLog,
    });
    pods.start();
    try {
      await until(() => pods.has("shop", "b") && server.watching === 1);
      expect(pods.get("shop", "a")?.attributes).toEqual({ "k8s.pod.uid": "uid-a", "k8s.pod.label.app": "web" });
      const before = pods.get("shop", "a")?.version;
      server.tell("MODIFIED", "a", { app: "web", tier: "front" });
      server.tell("ADDED", "c", { app: "new" });
      await until(() => pods.has("shop", "c"));
      expect(pods.get("shop", "a")?.attributes).toMatchObject({ "k8s.pod.label.tier": "front" });
      expect(pods.get("shop", "a")?.version).not.toBe(before);
      server.tell("DELETED", "b");
      server.tell("ADDED", "d");
      await until(() => pods.has("shop", "d"));
      expect(pods.has("shop", "b")).toBe(true);
      server.endWatches();
      await until(() => server.watching === 1);
      for (const { pathname, searchParams } of server.requests) {
        expect(pathname).toBe("/api/v1/pods");
        expect(searchParams.get("fieldSelector")).toBe("spec.nodeName=node-7");
      }
    } finally {
      await pods.stop();
    }
  });
});

test("names come from the kubelet's paths, and from nothing else", () => {
  const id = "0".repeat(64);
  expect(metadataOfPath(`/var/log/containers/nginx-7d_default_nginx-${id}.log`)).toEqual({
    "k8s.namespace.name": "default",
    "k8s.pod.name": "nginx-7d",
    "k8s.container.name": "nginx",
    "container.id": id,
  });
  expect(metadataOfPath("/var/log/pods/default_nginx-7d_5d3e-11/nginx/2.log.20251122-082640.gz")).toEqual({
    "k8s.namespace.name": "default",
    "k8s.pod.name": "nginx-7d",
    "k8s.pod.uid": "5d3e-11",
    "k8s.container.name": "nginx",
    "k8s.container.restart_count": 2,
  });
  for (const path of ["/applog/app.log", "/var/log/containers/a_b.log", `/var/log/a_b_c_d-${id}.log`])
    expect(metadataOfPath(path)).toEqual({});
});
