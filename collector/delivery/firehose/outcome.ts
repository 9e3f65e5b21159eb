/**
 * What an answer of Firehose means for the records it is about. Pure.
 *
 * Every kind ends with the record delivered, waiting or in quarantine; none ends with it dropped, and none counts tries.
 * What nobody foresaw is `passing`: tried again for ever, and told, but never put aside.
 */

/**
 * - `throttle`: over the quota. Sent again at the pace the pacer allows.
 * - `passing`: trouble that goes away by itself. Sent again after a pause.
 * - `hold`: nothing can be delivered until a person acts (permission, missing stream, key). One call probes slowly.
 * - `split`: something in the call can never be taken. It is cut in halves until that something stands alone.
 */
export type VerdictKind = "throttle" | "passing" | "hold" | "split";

export interface Verdict {
  readonly kind: VerdictKind;
  /** AWS's name of the error, or the system's (`ECONNRESET`), or `Unknown`. */
  readonly code: string;
  /** In AWS's words. */
  readonly message: string;
  /** For `hold`: what the operator should do. */
  readonly advice?: string;
}

/** A record's own entry in an answer: undefined when it was taken. */
export type RecordAnswer = { readonly code: string; readonly message: string } | undefined;

type Rule = { readonly kind: VerdictKind; readonly advice?: string };

const throttle: Rule = { kind: "throttle" };
const passing: Rule = { kind: "passing" };
const hold = (advice: string): Rule => ({ kind: "hold", advice });

const CHECK_CREDENTIALS = "check which credentials this process runs under (role, service account, profile)";

/** By AWS's name. Names and texts: API reference of PutRecordBatch, Common Error Types, and what users have reported. */
const byName: Readonly<Record<string, Rule>> = {
  // The stream, or something on the way to it, is over its quota. Firehose says so in a 500, not a 429.
  ServiceUnavailableException: throttle,
  ThrottlingException: throttle,
  Throttling: throttle,
  ThrottledException: throttle,
  RequestThrottled: throttle,
  RequestThrottledException: throttle,
  TooManyRequestsException: throttle,
  LimitExceededException: throttle,
  RequestLimitExceeded: throttle,
  BandwidthLimitExceeded: throttle,
  ProvisionedThroughputExceededException: throttle,
  SlowDown: throttle,
  KMSThrottlingException: throttle,

  // Trouble that goes away by itself.
  InternalFailure: passing,
  InternalError: passing,
  InternalServerError: passing,
  ServiceUnavailable: passing,
  RequestTimeout: passing,
  RequestTimeoutException: passing,
  AbortError: passing,
  TimeoutError: passing,
  // The sink fetches fresh credentials before its next call.
  ExpiredTokenException: passing,
  ExpiredToken: passing,
  // The SDK sets its clock by the answer's Date header, so the next call is signed with the right time.
  RequestTimeTooSkewed: passing,
  RequestExpired: passing,

  // A person must act. The route resumes by itself when that is done.
  AccessDeniedException: hold("allow firehose:PutRecordBatch on the stream in the policy of the role"),
  AccessDenied: hold("allow firehose:PutRecordBatch on the stream in the policy of the role"),
  NotAuthorized: hold("allow firehose:PutRecordBatch on the stream in the policy of the role"),
  OptInRequired: hold("enable Amazon Data Firehose for this account and region"),
  UnrecognizedClientException: hold(CHECK_CREDENTIALS),
  InvalidClientTokenId: hold(CHECK_CREDENTIALS),
  MissingAuthenticationToken: hold(CHECK_CREDENTIALS),
  IncompleteSignature: hold(CHECK_CREDENTIALS),
  InvalidSignatureException: hold(`${CHECK_CREDENTIALS}, and the clock of this machine`),
  SignatureDoesNotMatch: hold(CHECK_CREDENTIALS),
  CredentialsProviderError: hold(`no credentials were found: ${CHECK_CREDENTIALS}`),
  TokenProviderError: hold(CHECK_CREDENTIALS),
  ResourceNotFoundException: hold("create the delivery stream, or correct its name, region or account"),
  InvalidKMSResourceException: hold("make the stream's KMS key usable: enabled, and allowed to this role"),
  InvalidSourceException: hold("use a Direct PUT stream without CloudWatch Logs decompression"),
  UnknownOperationException: hold("check the endpoint: it does not speak Amazon Data Firehose"),
};

/** The SDK's words, under no name of their own, before a call is made: nothing but the configuration can mend it. */
const NO_REGION = /^Region is missing|^Region not accepted/;

/** A refusal is about the records only when it says so; else cutting the call in halves would blame every one of them. */
const ABOUT_RECORDS = /\brecords?\b/i;
const ABOUT_STREAM = /at 'deliveryStreamName'/;

function ruleForRefusal(message: string): Rule {
  if (ABOUT_RECORDS.test(message) && !ABOUT_STREAM.test(message)) return { kind: "split" };
  return hold("check the stream's name and type: Firehose refuses the call itself, not what is in it");
}

/** What a call that failed as a whole means. `error` is whatever the sink threw. */
export function classify(error: unknown): Verdict {
  const { name, code, message, status } = describe(error);
  const told = {
    code: name === "Error" || name === "TypeError" || name === "Unknown" ? (code ?? name) : name,
    message,
  };
  return { ...ruleFor(name, message, status), ...told };
}

function ruleFor(name: string, message: string, status: number | undefined): Rule {
  if (name === "ValidationException" || name === "InvalidArgumentException") return ruleForRefusal(message);
  if (name === "RequestEntityTooLarge" || name === "RequestEntityTooLargeException" || status === 413) {
    return { kind: "split" };
  }
  // A clock that is minutes off: the SDK sets it by the answer, and the next call is right.
  if (name === "InvalidSignatureException" && /signature (expired|not yet current)/i.test(message)) return passing;
  if (name === "Error" && NO_REGION.test(message)) return hold("set firehose.region, or AWS_REGION, and start again");
  const rule = ruleByName(name);
  if (rule !== undefined) return rule;
  if (status === 429) return throttle;
  if (status === 401 || status === 403) return hold(CHECK_CREDENTIALS);
  return passing;
}

/** What the failure of one record within an answer means. Firehose documents two codes; an unknown one is tried again. */
export function classifyRecord(answer: NonNullable<RecordAnswer>): Verdict {
  const rule = ruleByName(answer.code)?.kind === "throttle" ? throttle : passing;
  return { ...rule, code: answer.code, message: answer.message };
}

/** A name comes from outside: it may be one that every object has. */
function ruleByName(name: string): Rule | undefined {
  return Object.hasOwn(byName, name) ? byName[name] : undefined;
}

/** Whether fresh credentials may help: asked before the next call is signed. */
export function wantsFreshCredentials(error: unknown): boolean {
  const { name } = describe(error);
  return name === "ExpiredTokenException" || name === "ExpiredToken" || name === "UnrecognizedClientException";
}

interface Description {
  readonly name: string;
  readonly code: string | undefined;
  readonly message: string;
  readonly status: number | undefined;
}

function describe(error: unknown): Description {
  if (typeof error !== "object" || error === null) {
    return { name: "Unknown", code: undefined, message: String(error), status: undefined };
  }
  const given = error as { name?: unknown; code?: unknown; message?: unknown; Message?: unknown; $metadata?: unknown };
  const metadata = given.$metadata as { httpStatusCode?: unknown } | undefined;
  const status = typeof metadata?.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
  const raw = typeof given.name === "string" && given.name !== "" ? given.name : "Unknown";
  // The JSON protocol allows "namespace#Name" and "Name:http://...".
  const name = (raw.split("#").at(-1) ?? raw).split(":")[0] ?? raw;
  const text = [given.message, given.Message].find((value) => typeof value === "string" && value !== "");
  return {
    name,
    code: typeof given.code === "string" ? given.code : undefined,
    message: typeof text === "string" ? text : `${name}${status === undefined ? "" : ` (HTTP ${status})`}`,
    status,
  };
}
