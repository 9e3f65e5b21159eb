/** What the bench and its loader say to each other, over the pipe between the two processes. */
import type { LoadResult } from "./load.ts";

/** 200 log records a request, or 50. */
export type Batch = "large" | "small";

export type Order =
  /** Makes the requests; the first order of all. Answered with `ready`. */
  | { readonly kind: "prepare"; readonly large: number; readonly small: number; readonly seed: number }
  | {
      readonly kind: "saturate";
      readonly target: string;
      readonly connections: number;
      readonly callsEach: number;
      readonly durationMs: number;
    }
  | {
      readonly kind: "pace";
      readonly target: string;
      readonly connections: number;
      readonly callsPerSecond: number;
      readonly durationMs: number;
    }
  /** The same requests, appended to a file, each followed by fdatasync. */
  | {
      readonly kind: "write";
      readonly path: string;
      readonly callsPerSecond: number;
      readonly durationMs: number;
    };

export type Reply =
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly result: LoadResult }
  | { readonly kind: "failed"; readonly reason: string };

export const LARGE_RECORDS = 200;
export const SMALL_RECORDS = 50;
