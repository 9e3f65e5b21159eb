/**
 * What Linux tells of a process, from /proc/<pid>: see proc_pid_stat(5), proc_pid_status(5), proc_pid_io(5). The readers
 * of text are pure.
 */
import { readFileSync } from "node:fs";

export interface ProcessFacts {
  /** User and system time of all threads, in seconds. */
  readonly cpuSeconds: number;
  /** Now in memory, and the most there ever was, in bytes. Memory-mapped files count as far as they are loaded. */
  readonly residentBytes: number;
  readonly residentBytesPeak: number;
  /** The part of it that no file stands behind. */
  readonly anonymousBytes: number;
  /** What it caused to be written to the disk, in bytes. */
  readonly writtenBytes: number;
}

/** Throws when the process is gone or the system is not Linux. */
export function readProcessFacts(pid: number): ProcessFacts {
  const read = (file: string): string => readFileSync(`/proc/${pid}/${file}`, "utf8");
  const status = read("status");
  return {
    cpuSeconds: parseCpuSeconds(read("stat")),
    residentBytes: parseField(status, "VmRSS"),
    residentBytesPeak: parseField(status, "VmHWM"),
    anonymousBytes: parseField(status, "RssAnon"),
    writtenBytes: parseField(read("io"), "write_bytes"),
  };
}

/** USER_HZ, which Linux has fixed at 100 on all machines that Bun runs on. */
const TICKS_PER_SECOND = 100;

/** utime and stime of /proc/<pid>/stat. */
export function parseCpuSeconds(stat: string): number {
  // The second field is the program's name, which may hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = Number(fields[11]) + Number(fields[12]);
  if (!Number.isFinite(ticks)) throw new Error("/proc/<pid>/stat holds no times");
  return ticks / TICKS_PER_SECOND;
}

/** A line `name: 123` or `name: 123 kB`, in bytes. */
export function parseField(text: string, name: string): number {
  const [, digits, unit] = new RegExp(`^${name}:\\s*(\\d+)( kB)?$`, "m").exec(text) ?? [];
  if (digits === undefined) throw new Error(`/proc/<pid> tells no ${name}`);
  return Number(digits) * (unit === undefined ? 1 : 1024);
}
