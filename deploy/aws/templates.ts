/** The templates as data, so that tests can compare them: CloudFormation's YAML with its short tags, Terraform's HCL. */
import hcl from "hcl2-parser";
import { parse } from "yaml";

// biome-ignore lint/suspicious/noExplicitAny: trees of YAML and HCL, whose shape cfn-lint and the tests hold.
export type Tree = any;

const SHORT_TAGS = ["Ref", "Sub", "GetAtt", "If", "Equals", "Not", "And", "Or", "Join", "Select"];

/** `!Ref x` becomes `{ Ref: "x" }`, `!Sub x` `{ "Fn::Sub": "x" }`, as CloudFormation reads them. */
export function parseCloudFormation(text: string): Tree {
  const customTags = SHORT_TAGS.flatMap((name) => {
    const long = name === "Ref" ? "Ref" : `Fn::${name}`;
    return [
      { tag: `!${name}`, resolve: (value: string) => ({ [long]: value }) },
      {
        tag: `!${name}`,
        collection: "seq" as const,
        resolve: (value: { toJSON(): unknown }) => ({ [long]: value.toJSON() }),
      },
    ];
  });
  return parse(text, { customTags });
}

/** Blocks are lists, expressions texts in `${}`. Throws for what is no HCL. */
export function parseTerraform(text: string): Tree {
  const [tree, trouble] = hcl.parseToObject(text) as [Tree, unknown];
  if (tree === null || tree === undefined) throw new Error(`no HCL: ${JSON.stringify(trouble)}`);
  return tree;
}

/** The object within an attribute such as `"${jsonencode({ ... })}"`. */
export function insideJsonencode(expression: string): Tree {
  const inner = /^\$\{jsonencode\((.*)\)\}$/s.exec(expression)?.[1];
  if (inner === undefined) throw new Error(`no jsonencode: ${expression}`);
  return parseTerraform(`value = ${inner}`).value;
}

/** Statements without their resources, which the two name in their own ways. */
export function withoutResources(statements: readonly Tree[]): Tree[] {
  return statements.map(({ Resource: _, ...rest }) => rest);
}
