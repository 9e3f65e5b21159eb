/** The admin service as its .proto file states it. */
import { join } from "node:path";
import type { ServiceDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { assert } from "../../errors.ts";

export const ADMIN_SERVICE = "standpipe.admin.v1.Admin";

export const ADMIN_PACKAGES = loadSync("standpipe/admin/v1/admin.proto", {
  includeDirs: [join(import.meta.dir, "../../../proto")],
  longs: String,
  enums: Number,
  bytes: Buffer,
  oneofs: true,
  defaults: true,
});

export function adminDefinition(): ServiceDefinition {
  const found = ADMIN_PACKAGES[ADMIN_SERVICE];
  assert(found !== undefined && !("format" in found), `${ADMIN_SERVICE} is a service in proto/`);
  return found as ServiceDefinition;
}
