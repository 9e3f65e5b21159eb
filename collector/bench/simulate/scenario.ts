/** A scenario: who delivers how much to which stream, and what happens on the way. Kept as YAML beside this file. */
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

const positive = z.number().positive();
const seconds = z.number().min(0);

/** Replicas that are alike. */
const group = z.strictObject({
  count: z.number().int().min(1).default(1),
  startsAtSeconds: seconds.default(0),
  /** Without a good-bye: its lease has to run out. */
  diesAtSeconds: seconds.optional(),
  backlogMib: z.number().min(0).default(0),
  /** What comes in, from each of these times on. */
  demand: z.array(z.strictObject({ fromSeconds: seconds, mibPerSecond: z.number().min(0) })).default([]),
});

/** Something happens to the stream. Each key stays as it was where it is left out. */
const change = z.strictObject({
  atSeconds: seconds,
  quotaMibPerSecond: positive.optional(),
  /** The part of the records that fails with InternalFailure, whatever the quota. */
  failingFraction: z.number().min(0).max(1).optional(),
  latencyMs: positive.optional(),
});

const scenario = z.strictObject({
  title: z.string().min(1),
  seconds: positive,
  seed: z.number().int().default(1),
  quotaMibPerSecond: positive,
  /** What the replicas believe at the start. */
  ceilingMibPerSecond: positive,
  latencyMs: positive.default(40),
  pattern: z.enum(["suffix", "prefix", "random", "all"]).default("random"),
  /** The replicas know how many they are, and can't reach each other. */
  isCutOff: z.boolean().default(false),
  backlogAgeObjectiveSeconds: positive.default(60),
  /** A stream that scales itself: see the local Firehose's quota.ts. */
  growth: z
    .strictObject({ factor: positive, periods: z.number().int().min(1), periodMs: positive, mibPerSecondMax: positive })
    .optional(),
  changes: z.array(change).default([]),
  replicas: z.array(group).min(1),
});

export type Group = z.output<typeof group>;
export type Scenario = z.output<typeof scenario> & { readonly name: string };

/** Reads one. Throws an Error that names the file and every problem. */
export function parseScenario(name: string, text: string): Scenario {
  const parsed = scenario.safeParse(parse(text));
  if (!parsed.success) throw new Error(`${name} is no scenario:\n${z.prettifyError(parsed.error)}`);
  return { ...parsed.data, name };
}

const FOLDER = join(import.meta.dir, "scenarios");

/** All of the folder, or those named, in the order of their names. Throws an Error where a name is none of them. */
export async function loadScenarios(names: readonly string[]): Promise<Scenario[]> {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith(".yaml")).sort();
  const known = files.map((file) => basename(file, ".yaml"));
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) throw new Error(`no scenario is called ${unknown}; there are ${known.join(", ")}`);
  const wanted = names.length === 0 ? known : names;
  return Promise.all(
    wanted.map(async (name) => parseScenario(name, await Bun.file(join(FOLDER, `${name}.yaml`)).text())),
  );
}
