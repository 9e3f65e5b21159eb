/** Who asked for a change, as the log names them. */
import type { Metadata } from "@grpc/grpc-js";
import { identityOf } from "../../identity/interceptor.ts";

/** What a client says of its user; believed only so far as to be logged as a saying. */
export const USER_HEADER = "standpipe-user";

const USER_LENGTH_MAX = 64;

export interface AdminCall {
  readonly metadata: Metadata;
  getPeer(): string;
}

/** The name that was proven, or the address; and whom the caller says to be, where it says so. */
export function nameOfCaller(call: AdminCall): string {
  const { tenant, by } = identityOf(call.metadata);
  const proven = by === "nobody_asked" ? call.getPeer() : `${tenant} (by ${by})`;
  const said = String(call.metadata.get(USER_HEADER)[0] ?? "")
    .replace(/[^\x21-\x7e]/g, "")
    .slice(0, USER_LENGTH_MAX);
  return said === "" ? proven : `${proven}, who says to be ${said}`;
}
