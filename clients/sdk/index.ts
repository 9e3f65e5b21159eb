/** What applications use. */
export { BatchingLogProcessor, type BatchingLogProcessorOptions } from "./batching-log-processor.ts";
export {
  type Drop,
  RetryingLogExporter,
  type RetryingLogExporterOptions,
  type RetryingLogExporterSnapshot,
} from "./retrying-log-exporter.ts";
export type { Timers } from "./timers.ts";
