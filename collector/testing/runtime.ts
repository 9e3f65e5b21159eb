/**
 * How Bun is started where memory counts: `start` and `tail` in package.json, the image, and here for tests and benches.
 *
 * `--smol` has garbage collected more often. The allocator under Bun, mimalloc, keeps freed memory for a second before it
 * gives it back, so that under churn the process is larger than what lives in it: by up to 40 MiB with large requests.
 * Ten milliseconds cost no CPU that can be measured (https://microsoft.github.io/mimalloc/environment.html).
 *
 * LevelDB has its memory from glibc. That gives back at once what it has mapped by itself, but maps by itself only what is
 * larger than anything that was given back before: after the first large request all the others lie in arenas, with holes
 * between. From a megabyte on they are mapped now (mallopt(3)): some 15 MiB less under large requests.
 *
 * Both read their environment before any code of ours runs, so the variables must be there from the start.
 */
export const RUNTIME = {
  arguments: ["--smol"],
  environment: { MIMALLOC_PURGE_DELAY: "10", MALLOC_MMAP_THRESHOLD_: "1048576" },
} as const;
