/** Keys of fluentd that come to nothing in the translation, each with its reason. */

/** What a kinesis_firehose output has that needs nothing any more: the collector paces, and never gives up. */
export const BUFFER: Readonly<Record<string, { kind: "note" | "risk"; message: string }>> = {
  "@type": { kind: "note", message: "not needed: the collector's journal on disk is the buffer" },
  path: { kind: "note", message: "not needed: journal.directory of the collector" },
  flush_mode: { kind: "note", message: "not needed: calls are filled and paced" },
  flush_interval: {
    kind: "note",
    message: "not needed: calls are filled and paced; firehose.packDelayMsMax says how long one waits",
  },
  flush_at_shutdown: { kind: "note", message: "not needed: what waits is on disk" },
  flush_thread_count: {
    kind: "risk",
    message: "threads that flush at once exceed the stream's limit together; the collector keeps to the quota",
  },
  flush_thread_interval: { kind: "note", message: "not needed" },
  flush_thread_burst_interval: { kind: "note", message: "not needed: there are no bursts" },
  delayed_commit_timeout: { kind: "note", message: "not needed" },
  chunk_limit_size: { kind: "note", message: "not needed: calls have Firehose's own size" },
  chunk_limit_records: { kind: "note", message: "not needed" },
  chunk_full_threshold: { kind: "note", message: "not needed" },
  queue_limit_length: { kind: "risk", message: "a full queue refused or dropped; the files wait now" },
  queued_chunks_limit_size: { kind: "note", message: "not needed" },
  total_limit_size: { kind: "note", message: "journal.bytesMax of the collector; beyond it the agent waits" },
  overflow_action: {
    kind: "risk",
    message: "a full buffer raised or dropped; the agent stops reading now, and the files wait",
  },
  retry_limit: { kind: "risk", message: "after so many retries the chunk was dropped; there is no limit now" },
  retry_max_times: { kind: "risk", message: "after so many retries the chunk was dropped; there is no limit now" },
  retry_timeout: { kind: "risk", message: "after that time the chunk was dropped; there is no limit now" },
  retry_forever: { kind: "note", message: "it always is" },
  retry_type: { kind: "note", message: "not needed: the pace follows what the stream takes" },
  retry_wait: { kind: "note", message: "not needed: the pace follows what the stream takes" },
  retry_max_interval: { kind: "note", message: "not needed" },
  retry_exponential_backoff_base: { kind: "note", message: "not needed" },
  retry_randomize: { kind: "note", message: "not needed" },
  disable_chunk_backup: { kind: "note", message: "not needed: what the stream can never take is in quarantine" },
  compress: { kind: "note", message: "the journal is compressed by itself" },
  timekey: { kind: "note", message: "not needed" },
  timekey_wait: { kind: "note", message: "not needed" },
};

export const CREDENTIALS = {
  kind: "note",
  message: "credentials come from the AWS default chain: a profile, the environment, the pod's identity",
} as const;

export const OUTPUT: Readonly<Record<string, { kind: "note" | "risk" | "unsupported"; message: string }>> = {
  retries_on_batch_request: {
    kind: "risk",
    message: "after so many retries the records were dropped; there is no limit now",
  },
  reset_backoff_if_success: { kind: "note", message: "not needed: the pace follows what the stream takes" },
  batch_request_max_count: { kind: "note", message: "not needed: 500, Firehose's own" },
  batch_request_max_size: { kind: "note", message: "not needed: 4 MiB, Firehose's own" },
  drop_failed_records_after_batch_request_retries: { kind: "risk", message: "records were dropped; none is now" },
  drop_failed_batch_requests: { kind: "risk", message: "requests were dropped; none is now" },
  monitor_num_of_batch_request_retries: { kind: "note", message: "see the collector's metrics" },
  num_threads: { kind: "note", message: "not needed" },
  log_truncate_max_size: { kind: "note", message: "not needed: lines are not logged" },
  append_new_line: { kind: "note", message: "each line ends with a line break" },
  reduce_max_size_error_message: { kind: "note", message: "not needed" },
  debug: { kind: "note", message: "log.level" },
  aws_key_id: CREDENTIALS,
  aws_sec_key: CREDENTIALS,
  aws_ses_token: CREDENTIALS,
  profile: CREDENTIALS,
  credentials_path: CREDENTIALS,
  sts_http_proxy: CREDENTIALS,
  http_proxy: { kind: "unsupported", message: "calls go to AWS directly" },
  data_key: { kind: "unsupported", message: "send the field alone by shape: { fields: [...] } or body" },
  include_time_key: { kind: "unsupported", message: "use shape.timeKey of the collector" },
  include_tag_key: {
    kind: "unsupported",
    message: "use { name: tag, from: resource.tag } in shape.fields of the collector",
  },
};

export const TAIL: Readonly<Record<string, { kind: "note" | "unsupported"; message: string }>> = {
  pos_file: {
    kind: "note",
    message:
      "not needed: positions.directory of the agent. Old positions are not taken over: with readFrom beginning the files that are there are sent once more",
  },
  pos_file_compaction_interval: { kind: "note", message: "not needed: positions are pruned" },
  enable_watch_timer: { kind: "note", message: "not needed: files are looked at whatever the system tells" },
  enable_stat_watcher: { kind: "note", message: "files.watch of the agent" },
  follow_inodes: { kind: "note", message: "it always does" },
  open_on_every_update: { kind: "note", message: "files.openFilesMax of the agent" },
  emit_unmatched_lines: { kind: "note", message: "what does not parse is always sent, marked" },
  ignore_repeated_permission_error: { kind: "note", message: "it is told once" },
  skip_refresh_on_startup: { kind: "note", message: "not needed" },
  read_lines_limit: { kind: "note", message: "not needed: turns are bounded in bytes" },
  read_bytes_limit_per_second: { kind: "note", message: "not needed: reading stops where the collector has no room" },
  limit_recently_modified: { kind: "unsupported", message: "all files that match are followed" },
  path_timezone: { kind: "unsupported", message: "patterns hold no dates here: use *" },
  "@log_level": { kind: "note", message: "log.level of the agent" },
  "@id": { kind: "note", message: "the source's name" },
};
