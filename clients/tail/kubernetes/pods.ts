/**
 * Labels and annotations of the pods of one node, from the API server: one list, then a watch that tells of changes
 * (Kubernetes API concepts, "Efficient detection of changes"). Needs `get`, `list` and `watch` on `pods`, nothing else.
 *
 * What is known of a pod stays for a while after it is gone, since its last lines come later. Without the API server lines go
 * out without labels, after `waitMsMax`; nothing is held for ever.
 */
import { readFileSync } from "node:fs";
import type { Clock } from "../clock.ts";
import { systemCodeOf } from "../errors.ts";
import type { Log } from "../log.ts";

export interface PodMetadata {
  has(namespace: string, pod: string): boolean;
  /** Undefined where nothing is known. `version` changes with the attributes. */
  get(
    namespace: string,
    pod: string,
  ): { readonly attributes: Record<string, string>; readonly version: string } | undefined;
}

export interface PodWatchOptions {
  readonly apiServer: string;
  readonly tokenFile: string;
  readonly caFile: string;
  /** Undefined: the pods of all nodes, which is more than an agent needs. */
  readonly nodeName: string | undefined;
  readonly labels: boolean;
  readonly annotations: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
}

interface Known {
  readonly attributes: Record<string, string>;
  readonly version: string;
  goneAtMs: number | undefined;
}

/** Pods of one page of the list. */
const PAGE = 500;
const WATCH_SECONDS = 300;
const RETRY_MS = 2_000;
const KEPT_MS = 600_000;
/** A line of the watch is one pod: etcd keeps none larger than 1.5 MiB. */
const EVENT_CHARACTERS_MAX = 4 * 1024 * 1024;

export class PodWatch implements PodMetadata {
  readonly #options: PodWatchOptions;
  readonly #pods = new Map<string, Known>();
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #hasFailed = false;

  constructor(options: PodWatchOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  has(namespace: string, pod: string): boolean {
    return this.#pods.has(`${namespace}/${pod}`);
  }

  get(namespace: string, pod: string): Known | undefined {
    return this.#pods.get(`${namespace}/${pod}`);
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        const version = await this.#list();
        if (this.#hasFailed) log.info("the API server answers again");
        this.#hasFailed = false;
        await this.#watch(version);
      } catch (reason) {
        if (signal.aborted) return;
        if (!this.#hasFailed)
          log.warn({ reason: systemCodeOf(reason) }, "the API server tells no labels: lines go without, until it does");
        this.#hasFailed = true;
        await clock.sleep(RETRY_MS, signal);
      }
    }
  }

  async #list(): Promise<string> {
    const seen = new Set<string>();
    let next = "";
    for (;;) {
      const response = await this.#ask({ limit: String(PAGE), ...(next === "" ? {} : { continue: next }) });
      const page = (await response.json()) as {
        readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
        readonly items: readonly Pod[];
      };
      for (const pod of page.items) seen.add(this.#learn(pod));
      next = page.metadata.continue ?? "";
      if (next !== "") continue;
      for (const [key, known] of this.#pods) if (!seen.has(key)) known.goneAtMs ??= this.#options.clock.nowMs();
      this.#forgetOld();
      return page.metadata.resourceVersion;
    }
  }

  /** Resolves when the server ends it, as it does every few minutes; rejects where the version is too old to go on from. */
  async #watch(version: string): Promise<void> {
    const response = await this.#ask({
      watch: "1",
      resourceVersion: version,
      allowWatchBookmarks: "true",
      timeoutSeconds: String(WATCH_SECONDS),
    });
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (text.length > EVENT_CHARACTERS_MAX) throw new Error("an event of the watch is too long");
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) if (line.trim() !== "") this.#onEvent(JSON.parse(line));
    }
  }

  #onEvent({ type, object }: { readonly type: string; readonly object: Pod & { readonly message?: string } }): void {
    if (type === "ERROR") throw new Error(object.message ?? "the watch ended with an error");
    if (type === "ADDED" || type === "MODIFIED") this.#learn(object);
    if (type !== "DELETED") return;
    const known = this.#pods.get(`${object.metadata.namespace}/${object.metadata.name}`);
    if (known !== undefined) known.goneAtMs = this.#options.clock.nowMs();
    this.#forgetOld();
  }

  #learn({ metadata }: Pod): string {
    const key = `${metadata.namespace}/${metadata.name}`;
    const attributes: Record<string, string> = {};
    if (metadata.uid !== undefined) attributes["k8s.pod.uid"] = metadata.uid;
    if (this.#options.labels)
      for (const [name, value] of Object.entries(metadata.labels ?? {})) attributes[`k8s.pod.label.${name}`] = value;
    if (this.#options.annotations)
      for (const [name, value] of Object.entries(metadata.annotations ?? {}))
        attributes[`k8s.pod.annotation.${name}`] = value;
    this.#pods.set(key, { attributes, version: JSON.stringify(attributes), goneAtMs: undefined });
    return key;
  }

  #forgetOld(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const [key, { goneAtMs }] of this.#pods)
      if (goneAtMs !== undefined && nowMs - goneAtMs > KEPT_MS) this.#pods.delete(key);
  }

  async #ask(parameters: Record<string, string>): Promise<Response> {
    const { apiServer, tokenFile, caFile, nodeName } = this.#options;
    const query = new URLSearchParams(parameters);
    if (nodeName !== undefined) query.set("fieldSelector", `spec.nodeName=${nodeName}`);
    // Read each time: the kubelet replaces tokens before they expire.
    const token = readFileSync(tokenFile, "utf8").trim();
    const response = await fetch(`${apiServer}/api/v1/pods?${query}`, {
      headers: { authorization: `Bearer ${token}`, accept: "application/json" },
      signal: this.#stopping.signal,
      ...(apiServer.startsWith("https:") ? { tls: { ca: readFileSync(caFile, "utf8") } } : {}),
    });
    if (!response.ok) throw new Error(`HTTP ${response.status} for pods`);
    return response;
  }
}
