/** What a container runtime does with the image's folder, by the system's own tools. Needs root; for tests. */
import { chownSync, mkdirSync } from "node:fs";
import { USER_ID } from "./system.ts";

/** Mounts are in a namespace of their own, and go with its last process. What is said after the command is not used. */
const SCRIPT = `
set -e
image=$1 data=$2 program=$3 argument=$4
mount --bind "$image" "$image"
mount -o remount,bind,ro "$image"
mount --bind "$data" "$image/var/lib/standpipe"
mount --rbind /dev "$image/dev"
mount -t proc none "$image/proc"
exec setpriv --no-new-privs --inh-caps=-all chroot --userspec=${USER_ID}:${USER_ID} "$image" /usr/local/bin/bun --smol "$program" $argument
`;

export interface Container {
  /** The folder that assemble.ts made. */
  readonly image: string;
  /** Mounted where the journal's volume would be; made, and given to the image's user. */
  readonly data: string;
  /** Its path in the image. */
  readonly program: string;
  readonly argument?: string;
}

/**
 * A command that runs the image's program as process 1 of its own namespace, on a read-only root, as an unprivileged user
 * without capabilities, with the network of the host.
 */
export function containerCommand({ image, data, program, argument = "" }: Container): string[] {
  mkdirSync(data, { recursive: true });
  chownSync(data, USER_ID, USER_ID);
  const namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"];
  return [...namespaces, "sh", "-c", SCRIPT, "sh", image, data, program, argument];
}
