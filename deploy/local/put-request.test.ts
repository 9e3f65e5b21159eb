/** The exact words of the service, where they are known; see errors.ts. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { FirehoseError } from "./errors.ts";
import { GUESSES_DEFAULT } from "./guesses.ts";
import { checkPut, type PutOperation, readPut } from "./put-request.ts";

const kept = (): boolean => true;
const notKept = (): boolean => false;

/** Reads and checks a body, and tells the error's type and words. */
function refusalOf(operation: PutOperation, body: unknown): string {
  try {
    checkPut(readPut(operation, Buffer.from(JSON.stringify(body)), kept), GUESSES_DEFAULT);
  } catch (reason) {
    if (reason instanceof FirehoseError) return `${reason.status} ${reason.type}: ${reason.message}`;
    throw reason;
  }
  return "accepted";
}

function batchOf(...sizes: number[]): unknown {
  const Records = sizes.map((size) => ({ Data: Buffer.alloc(size, 97).toString("base64") }));
  return { DeliveryStreamName: "logs", Records };
}

describe("exact words", () => {
  test("too many records: every one of them is named", () => {
    const shown = Array(501).fill("Record(data=java.nio.HeapByteBuffer[pos=0 lim=15 cap=15])").join(", ");
    expect(refusalOf("PutRecordBatch", batchOf(...Array(501).fill(15)))).toBe(
      `400 ValidationException: 1 validation error detected: Value '[${shown}]' at 'records' failed to satisfy ` +
        "constraint: Member must have length less than or equal to 500",
    );
    expect(refusalOf("PutRecordBatch", batchOf(...Array(500).fill(15)))).toBe("accepted");
  });

  test("a record over 1,000 KiB is named by its position from 1", () => {
    expect(refusalOf("PutRecordBatch", batchOf(1, 1_024_000, 1_024_001))).toBe(
      "400 ValidationException: 1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=1024001 " +
        "cap=1024001]' at 'records.3.member.data' failed to satisfy constraint: " +
        "Member must have length less than or equal to 1024000",
    );
  });

  test("several problems are told at once, before the sum of bytes is looked at", () => {
    expect(refusalOf("PutRecordBatch", batchOf(2_757_283, 2_757_283))).toBe(
      "400 ValidationException: 2 validation errors detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=2757283 " +
        "cap=2757283]' at 'records.1.member.data' failed to satisfy constraint: Member must have length less than or " +
        "equal to 1024000; Value 'java.nio.HeapByteBuffer[pos=0 lim=2757283 cap=2757283]' at 'records.2.member.data' " +
        "failed to satisfy constraint: Member must have length less than or equal to 1024000",
    );
  });

  test("too many records and too many bytes are a ValidationException", () => {
    expect(refusalOf("PutRecordBatch", batchOf(...Array(1000).fill(5000)))).toStartWith("400 ValidationException: 1 ");
  });

  test("the sum of raw bytes may be 4 MiB and not one more", () => {
    expect(refusalOf("PutRecordBatch", batchOf(...Array(5).fill(838_860), 4))).toBe("accepted");
    expect(refusalOf("PutRecordBatch", batchOf(...Array(5).fill(838_860), 5))).toBe(
      "400 InvalidArgumentException: Records size exceeds 4 MB limit",
    );
  });

  test("nothing, no name, a name that can't be, no data", () => {
    const start = "400 ValidationException: 1 validation error detected: Value";
    expect(refusalOf("PutRecordBatch", { DeliveryStreamName: "logs", Records: [] })).toBe(
      `${start} '[]' at 'records' failed to satisfy constraint: Member must have length greater than or equal to 1`,
    );
    expect(refusalOf("PutRecordBatch", { Records: [{ Data: "" }] })).toBe(
      `${start} null at 'deliveryStreamName' failed to satisfy constraint: Member must not be null`,
    );
    expect(refusalOf("PutRecordBatch", { DeliveryStreamName: "a b", Records: [{ Data: "" }] })).toBe(
      `${start} 'a b' at 'deliveryStreamName' failed to satisfy constraint: ` +
        "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+",
    );
    expect(refusalOf("PutRecord", { DeliveryStreamName: "logs", Record: {} })).toBe(
      `${start} null at 'record.data' failed to satisfy constraint: Member must not be null`,
    );
    expect(refusalOf("PutRecord", { DeliveryStreamName: "logs", Record: { Data: "" } })).toBe("accepted");
  });

  test("what has the wrong type, or is no base64, is a SerializationException", () => {
    for (const Records of [7, ["a"], [{ Data: 7 }], [{ Data: "YQ" }], [{ Data: "Y*==" }], [{ Data: "_-__" }]]) {
      expect(refusalOf("PutRecordBatch", { DeliveryStreamName: "logs", Records })).toStartWith("400 SerializationExc");
    }
    expect(refusalOf("PutRecordBatch", [])).toStartWith("400 SerializationException");
  });
});

test("a body in the SDKs' form and the same body with white space read alike", () => {
  fc.assert(
    fc.property(
      fc.stringMatching(/^[a-zA-Z0-9_.-]{1,64}$/),
      fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 20 }),
      (streamName, datas) => {
        const body = {
          DeliveryStreamName: streamName,
          Records: datas.map((data) => ({ Data: Buffer.from(data).toString("base64") })),
        };
        const walked = readPut("PutRecordBatch", Buffer.from(JSON.stringify(body)), kept);
        const parsed = readPut("PutRecordBatch", Buffer.from(JSON.stringify(body, null, 1)), kept);
        expect(walked).toEqual(parsed);
        expect(walked.data.map((data) => [...data])).toEqual(datas.map((data) => [...data]));
        const counted = readPut("PutRecordBatch", Buffer.from(JSON.stringify(body)), notKept);
        expect(counted).toEqual({ ...walked, data: [] });
      },
    ),
    { numRuns: 200 },
  );
});

test("a body cut short or with a byte changed is never read as one with fewer records", () => {
  const whole = Buffer.from(JSON.stringify(batchOf(3, 6, 9)));
  for (let length = 0; length < whole.length; length++) {
    const read = (): number | undefined => {
      const request = readPut("PutRecordBatch", whole.subarray(0, length), notKept);
      return request.sizes?.length;
    };
    if (length === 0) expect(read()).toBeUndefined();
    else expect(read).toThrow(FirehoseError);
  }
});
