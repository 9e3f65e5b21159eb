/**
 * Objects held against Kubernetes' OpenAPI schemas, as the package kubernetes-models carries them: its validators for values
 * (a port is a number, a policy one of three words), and its types for keys, since the validators let unknown keys pass and a
 * key with a slip in it is the commonest mistake of all. For tests.
 */
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubernetesObject } from "./objects.ts";

const ROOT = join(import.meta.dir, "../..");

/** What the schemas have against values. */
export async function wrongValues(objects: readonly KubernetesObject[]): Promise<string[]> {
  const problems: string[] = [];
  for (const object of objects) {
    const at = `${object.kind} ${object.metadata.name}`;
    try {
      const module = (await import(`kubernetes-models/${object.apiVersion}/${object.kind}`)) as Record<string, Model>;
      const model = module[object.kind];
      if (model === undefined) throw new Error("its module is empty");
      new model(object).validate();
    } catch (reason) {
      problems.push(`${at}: ${(reason as Error).message}`);
    }
  }
  return problems;
}

type Model = new (object: unknown) => { validate(): void };

/** Keys that the schemas do not have: the compiler looks for them, in one go over all objects. */
export function unknownKeys(objects: readonly KubernetesObject[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), "standpipe-schemas-"));
  try {
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    const lines = objects.map((object) => {
      const { apiVersion, kind } = object;
      return `(${JSON.stringify(object)}) satisfies import("kubernetes-models/${apiVersion}").I${kind};`;
    });
    writeFileSync(join(folder, "objects.ts"), `${lines.join("\n")}\nexport {};\n`);
    const options = {
      module: "esnext",
      moduleResolution: "bundler",
      target: "esnext",
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      types: [],
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files: ["objects.ts"] }));
    const compiler = join(ROOT, "node_modules/.bin/tsc");
    if (!existsSync(compiler)) throw new Error("the compiler is not installed: run bun install");
    const { stdout } = Bun.spawnSync({ cmd: [compiler, "--project", folder, "--pretty", "false"] });
    return stdout
      .toString()
      .split("\n")
      .filter((line) => line.includes("error TS"))
      .map((line) => {
        const index = Number(/objects\.ts\((\d+),/.exec(line)?.[1]) - 1;
        const object = objects[index];
        return `${object?.kind} ${object?.metadata.name}: ${line.replace(/^.*error TS\d+: /, "")}`;
      });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
