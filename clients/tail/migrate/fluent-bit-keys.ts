/** Keys of Fluent Bit that come to nothing in the translation, each with its reason. In lower case. */
import type { Known } from "./parameters.ts";

type Table = Readonly<Record<string, Exclude<Known, string>>>;

const HTTP = { kind: "note", message: "admin.address of the agent: /healthz, /metrics" } as const;
const STORAGE = {
  kind: "note",
  message: "not needed: the files are the agent's buffer, the journal the collector's",
} as const;
const CREDENTIALS = {
  kind: "note",
  message: "credentials come from the AWS default chain: a profile, the environment, the pod's identity",
} as const;

export const SERVICE: Table = {
  parsers_file: { kind: "note", message: "parsers are taken from all files that were given" },
  plugins_file: { kind: "unsupported", message: "plugins can't be carried over" },
  streams_file: { kind: "unsupported", message: "stream processing has no counterpart" },
  flush: { kind: "note", message: "not needed: collector.lingerMs says how long a request waits" },
  grace: { kind: "note", message: "shutdown.drainMsMax of the agent" },
  daemon: { kind: "note", message: "not needed" },
  log_level: { kind: "note", message: "log.level of the agent" },
  log_file: { kind: "note", message: "the agent's log goes to standard error" },
  http_server: HTTP,
  http_listen: HTTP,
  http_port: HTTP,
  health_check: HTTP,
  hot_reload: { kind: "note", message: "SIGHUP reads the configuration again" },
  hc_errors_count: HTTP,
  hc_retry_failure_count: HTTP,
  hc_period: HTTP,
  "storage.path": STORAGE,
  "storage.sync": STORAGE,
  "storage.checksum": STORAGE,
  "storage.max_chunks_up": STORAGE,
  "storage.metrics": STORAGE,
  "storage.backlog.mem_limit": STORAGE,
  "storage.delete_irrecoverable_chunks": {
    kind: "risk",
    message: "damaged chunks were deleted; the collector keeps and mends them",
  },
  "scheduler.cap": { kind: "note", message: "not needed: the pace follows what the stream takes" },
  "scheduler.base": { kind: "note", message: "not needed: the pace follows what the stream takes" },
  "dns.mode": { kind: "note", message: "not needed" },
  "dns.resolver": { kind: "note", message: "not needed" },
};

export const INPUT: Table = {
  alias: { kind: "note", message: "the source's name" },
  db: {
    kind: "note",
    message: "not needed: positions.directory of the agent. Old positions are not taken over",
  },
  "db.sync": { kind: "risk", message: "positions were written without waiting for the disk; they are synced now" },
  "db.locking": { kind: "note", message: "positions belong to one agent" },
  "db.journal_mode": { kind: "note", message: "not needed" },
  "db.compare_filename": { kind: "note", message: "files are told apart by inode and content" },
  mem_buf_limit: {
    kind: "risk",
    message: "beyond it reading paused, and a file that rotated meanwhile was lost; the agent finds rotated files",
  },
  buffer_chunk_size: { kind: "note", message: "not needed" },
  static_batch_size: { kind: "note", message: "not needed" },
  event_batch_size: { kind: "note", message: "not needed" },
  "storage.type": STORAGE,
  "storage.pause_on_chunks_overlimit": STORAGE,
  threaded: { kind: "note", message: "not needed" },
  log_level: { kind: "note", message: "log.level of the agent" },
  watcher_interval: { kind: "note", message: "not needed" },
  progress_check_interval: { kind: "note", message: "not needed" },
  progress_check_interval_nsec: { kind: "note", message: "not needed" },
  file_cache_advise: { kind: "note", message: "not needed" },
  ignore_older: { kind: "unsupported", message: "all files that match are followed" },
  ignore_active_older_files: { kind: "unsupported", message: "all files that match are followed" },
  exit_on_eof: { kind: "unsupported", message: "the agent runs until it is stopped" },
  tag_regex: { kind: "unsupported", message: "the tag is a text with * for the path" },
  offset_key: { kind: "unsupported", message: "offsets are not sent" },
  skip_empty_lines: { kind: "unsupported", message: "use drop: [{ pattern: '^$' }]" },
  key: { kind: "note", message: "a line that is not parsed is the body itself" },
  path_key: { kind: "note", message: "log.file.path, in the resource of each record" },
  docker_mode_flush: { kind: "note", message: "partial lines wait for their end" },
  docker_mode_parser: { kind: "unsupported", message: "use multiline.firstLine" },
};

export const OUTPUT: Table = {
  alias: { kind: "note", message: "the route's name" },
  retry_limit: { kind: "risk", message: "after so many retries the chunk was dropped; there is no limit now" },
  auto_retry_requests: { kind: "note", message: "not needed: the collector sends again exactly what failed" },
  workers: { kind: "note", message: "not needed: firehose.callsInFlightMax" },
  simple_aggregation: { kind: "note", message: "lines are always packed into records" },
  role_arn: CREDENTIALS,
  external_id: CREDENTIALS,
  sts_endpoint: CREDENTIALS,
  profile: CREDENTIALS,
  "storage.total_limit_size": {
    kind: "risk",
    message: "beyond it the oldest chunks were dropped; journal.bytesMax makes the agent wait",
  },
  "net.keepalive": { kind: "note", message: "not needed" },
  "net.connect_timeout": { kind: "note", message: "firehose.requestTimeoutMs" },
  "net.max_worker_connections": { kind: "note", message: "not needed" },
  tls: { kind: "note", message: "calls go over TLS" },
  "tls.verify": { kind: "note", message: "certificates are always verified" },
  experimental_stream_name: { kind: "unsupported", message: "is not known" },
  match_regex: { kind: "unsupported", message: "write it as Match" },
};
