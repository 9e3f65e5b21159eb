/**
 * Bytes from one connection to another and back, each at the pace of the other. The far one is Bun's own kind of socket:
 * what a server said before it closed is still read from it when writing to it fails, as it does where a server answers
 * and closes in the midst of a long body; node:net would throw that answer away.
 */
import type { Socket } from "node:net";
import { release } from "../../release.ts";

export interface RelayEvents {
  /** It is joined; `port` is the far connection's own. */
  readonly onOpen: (port: number) => void;
  /** The far one has ended: all that it said was written to the near one, which is still open. */
  readonly onEnd: () => void;
}

/** Joins `near` to `port` of this machine. Pauses `near` meanwhile; ends the far one when `near` closes. */
export function relay(near: Socket, port: number, { onOpen, onEnd }: RelayEvents): void {
  let far: Bun.Socket | undefined;
  /** What the far one did not take all of yet, and how much it took. Bodies would pile up as garbage if not let go of. */
  let held: Buffer | undefined;
  let taken = 0;
  let hasEnded = false;

  const end = (): void => {
    if (hasEnded) return;
    hasEnded = true;
    near.off("data", forth);
    if (!near.destroyed) onEnd();
  };
  const forth = (bytes: Buffer): void => {
    held = bytes;
    taken = 0;
    if (!push()) near.pause();
  };
  /** Whether the far one has taken all there is; also where it is closed, which is about to be told. */
  const push = (): boolean => {
    if (held === undefined) return true;
    const written = far?.write(taken === 0 ? held : held.subarray(taken)) ?? 0;
    taken += written;
    if (written >= 0 && taken < held.length) return false;
    release(held);
    held = undefined;
    return true;
  };
  const back = (bytes: Buffer): void => {
    if (near.destroyed || near.write(bytes)) return;
    far?.pause();
    near.once("drain", () => far?.resume());
  };

  near.pause();
  near.once("close", () => far?.terminate());
  Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (socket) => {
        far = socket;
        if (near.destroyed) {
          socket.terminate();
          return;
        }
        socket.setNoDelay(true);
        onOpen(socket.localPort);
        near.on("data", forth);
        near.resume();
      },
      data: (_socket, bytes) => back(bytes),
      drain: () => {
        if (push()) near.resume();
      },
      close: end,
      error: end,
    },
  }).catch(end);
}
