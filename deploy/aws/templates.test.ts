/** Policies, CloudFormation and Terraform: no more rights than the program uses, and the same in each. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as cloudwatch from "@aws-sdk/client-cloudwatch";
import * as firehose from "@aws-sdk/client-firehose";
import * as servicequotas from "@aws-sdk/client-service-quotas";
import { Glob } from "bun";
import { CFN_LINT } from "../../collector/testing/cfn-lint.ts";
import { withFolder } from "../../collector/testing/temporary.ts";
import { testWith } from "../../collector/testing/tools.ts";
import { checkPrefix, objectKey } from "../local/object-key.ts";
import { insideJsonencode, parseCloudFormation, parseTerraform, type Tree, withoutResources } from "./templates.ts";

const ROOT = join(import.meta.dir, "../..");
const LIMIT_MS = 60_000;

const read = (path: string): string => readFileSync(join(import.meta.dir, path), "utf8");
const policy = (name: string): Tree => JSON.parse(read(`policies/${name}.json`));
const POLICIES = ["deliver", "find-quota", "check-stream"] as const;
const stack = parseCloudFormation(read("cloudformation/standpipe.yaml"));
const terraformFiles = readdirSync(join(import.meta.dir, "terraform")).filter((file) => file.endsWith(".tf"));
const terraformText = terraformFiles.map((file) => read(`terraform/${file}`)).join("\n");
const terraform = parseTerraform(terraformText);
const resources = terraform.resource;
const [stream] = resources.aws_kinesis_firehose_delivery_stream.stream;
const [destination] = stream.extended_s3_configuration;
const stackDestination = stack.Resources.Stream.Properties.ExtendedS3DestinationConfiguration;

/** The SDK's packages, by the prefix of their service in IAM. */
const SERVICES: Readonly<Record<string, object>> = { firehose, cloudwatch, servicequotas };

function actionsOf(statements: readonly Tree[]): string[] {
  return statements.flatMap(({ Action }) => Action).sort();
}

/** What the collector's sources ask of AWS: each command of the SDK that they name. */
async function actionsUsed(): Promise<string[]> {
  const found = new Set<string>();
  for await (const path of new Glob("collector/**/*.ts").scan(ROOT)) {
    if (/\.test\.ts$|\/(testing|bench)\//.test(path)) continue;
    const source = await Bun.file(join(ROOT, path)).text();
    if (!source.includes("@aws-sdk/")) continue;
    for (const [, name = ""] of source.matchAll(/\bnew (?:\w+\.)?([A-Z]\w+)Command\(/g)) {
      const service = Object.keys(SERVICES).find((each) => `${name}Command` in (SERVICES[each] ?? {}));
      found.add(`${service ?? path}:${name}`);
    }
  }
  return [...found].sort();
}

test("the policies allow what the collector asks of AWS, and nothing else", async () => {
  const allowed = POLICIES.flatMap((name) => actionsOf(policy(name).Statement)).sort();
  expect(allowed).toEqual(await actionsUsed());
  expect(actionsOf(policy("deliver").Statement)).toEqual(["firehose:PutRecordBatch"]);
});

test("only what has no resources in IAM is allowed on all of them", () => {
  const onAll = POLICIES.flatMap((name) => policy(name).Statement).filter(({ Resource }) => Resource === "*");
  const expected = [
    "cloudwatch:GetMetricData",
    "servicequotas:ListAWSDefaultServiceQuotas",
    "servicequotas:ListServiceQuotas",
  ];
  expect(actionsOf(onAll)).toEqual(expected);
});

test("the collector's role has those policies, the optional ones behind a switch, in both templates", () => {
  const inStack = stack.Resources.CollectorRole.Properties.Policies.map((each: Tree) => each["Fn::If"]?.[1] ?? each);
  const switches = stack.Resources.CollectorRole.Properties.Policies.map((each: Tree) => each["Fn::If"]?.[0]);
  expect(inStack.map(({ PolicyName }: Tree) => PolicyName)).toEqual([...POLICIES]);
  expect(switches).toEqual([undefined, "MayFindQuota", "MayCheckStream"]);
  for (const [index, name] of POLICIES.entries()) {
    const statements = withoutResources(policy(name).Statement);
    expect(withoutResources(inStack[index].PolicyDocument.Statement)).toEqual(statements);
    const [inTerraform] = resources.aws_iam_role_policy[name.replace("-", "_")];
    expect(withoutResources(insideJsonencode(inTerraform.policy).Statement)).toEqual(statements);
    expect(inTerraform.count === undefined).toBe(name === "deliver");
  }
});

test("the stream's role may write to its bucket and its own log group, the same in both templates", () => {
  const [inTerraform] = resources.aws_iam_role_policy.stream;
  const statements = withoutResources(insideJsonencode(inTerraform.policy).Statement);
  const inStack = stack.Resources.StreamRole.Properties.Policies[0].PolicyDocument.Statement;
  expect(statements).toEqual(withoutResources(inStack));
  expect(JSON.stringify(inStack.map(({ Resource }: Tree) => Resource))).not.toContain('"*"');
});

test("stream and bucket are set up alike in both templates", () => {
  expect(destination.prefix).toBe(stackDestination.Prefix);
  expect(destination.error_output_prefix).toBe(stackDestination.ErrorOutputPrefix);
  expect(destination.buffering_size).toBe(stackDestination.BufferingHints.SizeInMBs);
  expect(destination.buffering_interval).toBe(stackDestination.BufferingHints.IntervalInSeconds);
  expect(destination.compression_format).toContain('{var.compression == "stream" ? "GZIP" : "UNCOMPRESSED"}');
  expect(stackDestination.CompressionFormat).toEqual({ "Fn::If": ["IsCompressedByStream", "GZIP", "UNCOMPRESSED"] });
  expect(destination.file_extension).toContain('{var.compression == "none" ? ".json" : ".json.gz"}');
  expect(stackDestination.FileExtension).toEqual({ "Fn::If": ["IsCompressed", ".json.gz", ".json"] });
  const [block] = resources.aws_s3_bucket_public_access_block.logs;
  const { Properties: bucket, DeletionPolicy } = stack.Resources.Bucket;
  expect(Object.values(bucket.PublicAccessBlockConfiguration)).toEqual([true, true, true, true]);
  expect([
    block.block_public_acls,
    block.block_public_policy,
    block.ignore_public_acls,
    block.restrict_public_buckets,
  ]).toEqual([true, true, true, true]);
  const [logs, halves] = resources.aws_s3_bucket_lifecycle_configuration.logs[0].rule;
  const [stackLogs, stackHalves] = bucket.LifecycleConfiguration.Rules;
  expect(logs.filter[0].prefix).toBe(stackLogs.Prefix);
  expect(logs.transition[0].storage_class).toBe(stackLogs.Transitions[0].StorageClass);
  expect(halves.abort_incomplete_multipart_upload[0].days_after_initiation).toBe(
    stackHalves.AbortIncompleteMultipartUpload.DaysAfterInitiation,
  );
  // Logs outlive a stack that is deleted.
  expect(DeletionPolicy).toBe("Retain");
  expect(resources.aws_s3_bucket.logs[0].lifecycle[0].prevent_destroy).toBe(true);
});

test("nothing in the stream changes the lines: no processor, no conversion, no delimiter", () => {
  expect(Object.keys(stackDestination).filter((key) => /Processing|Conversion|Partitioning/.test(key))).toEqual([]);
  expect(Object.keys(destination).filter((key) => /processing|conversion|partitioning/.test(key))).toEqual([]);
});

test("objects lie in folders of dt= and hour=, by Firehose's own rules for keys, and the lifecycle covers them", () => {
  const prefix = stackDestination.Prefix;
  checkPrefix(prefix, "UTC");
  const settings = { streamName: "logs", version: 1, prefix, timeZone: "UTC", extension: ".json.gz" };
  const key = objectKey(settings, Date.UTC(2026, 10, 22, 23, 59), Math.random, "direct");
  expect(key).toMatch(/^logs\/dt=2026-11-22\/hour=23\/logs-1-2026-11-22-23-59-00-[0-9a-f-]{36}\.json\.gz$/);
  expect(key.startsWith(stack.Resources.Bucket.Properties.LifecycleConfiguration.Rules[0].Prefix)).toBe(true);
  expect(stackDestination.ErrorOutputPrefix).toContain("!{firehose:error-output-type}/");
});

test("both templates raise the same alarms", () => {
  const names = { throttled: "ThrottledAlarm", near_limit: "NearLimitAlarm", late: "LateAlarm" };
  expect(Object.keys(resources.aws_cloudwatch_metric_alarm).sort()).toEqual(Object.keys(names).sort());
  for (const [name, resource] of Object.entries(names)) {
    const [one] = resources.aws_cloudwatch_metric_alarm[name];
    const { Properties: other } = stack.Resources[resource];
    expect([
      one.alarm_description,
      one.metric_name,
      one.statistic,
      one.period,
      one.evaluation_periods,
      one.threshold,
      one.comparison_operator,
      one.treat_missing_data,
    ]).toEqual([
      other.AlarmDescription,
      other.MetricName,
      other.Statistic,
      other.Period,
      other.EvaluationPeriods,
      other.Threshold,
      other.ComparisonOperator,
      other.TreatMissingData,
    ]);
    const queries = (one.metric_query ?? []).map(({ id, expression, metric }: Tree) => [
      id,
      expression,
      metric?.[0].metric_name,
      metric?.[0].stat,
    ]);
    expect(queries).toEqual(
      (other.Metrics ?? []).map(({ Id, Expression, MetricStat }: Tree) => [
        Id,
        Expression,
        MetricStat?.Metric.MetricName,
        MetricStat?.Stat,
      ]),
    );
  }
});

test("Terraform's variables are declared and used, and its references lead somewhere", () => {
  const declared = Object.keys(terraform.variable).sort();
  const used = [...new Set([...terraformText.matchAll(/\bvar\.(\w+)/g)].map(([, name]) => name))].sort();
  expect(used).toEqual(declared);
  for (const [, type = "", name = ""] of terraformText.matchAll(/(?<![\w.])(aws_\w+)\.(\w+)[.\]]/g)) {
    if (type !== "aws_caller_identity")
      expect([type, name, resources[type]?.[name] === undefined]).toEqual([type, name, false]);
  }
  expect(() => parseTerraform('resource "a" {')).toThrow("no HCL");
});

test("Terraform's optional parts are the parameters of CloudFormation", () => {
  const snake = (name: string): string =>
    name.replace(/[A-Z]/g, (letter, at) => `${at === 0 ? "" : "_"}${letter.toLowerCase()}`);
  expect(Object.keys(stack.Parameters).map(snake).sort()).toEqual(Object.keys(terraform.variable).sort());
  for (const [name, { Default }] of Object.entries<Tree>(stack.Parameters)) {
    expect([name, String(terraform.variable[snake(name)][0].default)]).toEqual([name, String(Default)]);
  }
});

testWith(
  ["cfn-lint"],
  "CloudFormation's linter finds nothing wrong with the stack, and something with a broken one",
  async () => {
    const lint = (file: string) => {
      const { exitCode, stdout } = Bun.spawnSync({ cmd: [CFN_LINT, "--template", file] });
      return [exitCode, stdout.toString()];
    };
    expect(lint(join(import.meta.dir, "cloudformation/standpipe.yaml"))).toEqual([0, ""]);
    await withFolder(async (folder) => {
      const broken = join(folder, "broken.yaml");
      writeFileSync(broken, read("cloudformation/standpipe.yaml").replace("BucketARN", "BucketArn"));
      expect(lint(broken)).toEqual([2, expect.stringContaining("BucketArn")]);
    });
  },
  LIMIT_MS,
);
