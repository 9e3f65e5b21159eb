/**
 * How Bun is started where memory counts: `start` and `tail` in package.json, the image, and here for tests and benches.
 *
 * `--smol` has garbage collected more often. The allocator under Bun, mimalloc, keeps freed memory for a second before it
 * gives it back, so that under churn the process is larger than what lives in it: by up to 40 MiB with large requests.
 * Ten milliseconds cost no CPU that can be measured (https://microsoft.github.io/mimalloc/environment.html). It reads its
 * environment before any code of ours runs, so the variable must be there from the start.
 */
export const RUNTIME = {
  arguments: ["--smol"],
  environment: { MIMALLOC_PURGE_DELAY: "10" },
} as const;
