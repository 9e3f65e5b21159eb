/**
 * Bytes from one connection to another and back, each at the pace of the other. The far one is Bun's own kind of socket:
 * what a server said before it closed is still read from it when writing to it fails, as it does where a server answers
 * and closes in the midst of a long body; node:net would throw that answer away.
 *
 * Bun's server takes in more than a megabyte of a body that nobody has asked for yet. So a relay is shut at first: it lets
 * headers and a small body pass, and of a large one the rest when it is opened, which is when it is read. Until then no more is
 * read from the near one, so that it waits with its sender. But Bun reads up to 512 KB at a time from a socket, and can't be
 * told to read less: what came beyond is held here, and all that is here of requests that wait is counted in `UnreadBytes`.
 * Where that has no room, it is dropped, and its request is to be refused.
 */
import type { Socket } from "node:net";
import { release } from "../../memory/release.ts";
import type { UnreadBytes } from "./unread-bytes.ts";

export interface RelayEvents {
  /** It is joined; `port` is the far connection's own. */
  readonly onOpen: (port: number) => void;
  /** The far one has ended: all that it said was written to the near one, which is still open. */
  readonly onEnd: () => void;
  /** There was no room for what came while it was shut: nothing passes any more. */
  readonly onFull: () => void;
}

export interface Relay {
  /** Lets all pass that comes. */
  open(): void;
  /** A request is over: the next one begins as the first did. */
  shut(): void;
}

/** What passes while it is shut: the headers of a request, of which Bun takes 16 KB, and a body of 64 KB. */
export const SHUT_BYTES_MAX = 80 * 1024;

/**
 * Joins `near`, which may be half open, to `port` of this machine. Pauses `near` meanwhile; ends the far one when `near` has said
 * all or closes.
 */
export function relay(near: Socket, port: number, unread: UnreadBytes, events: RelayEvents): Relay {
  const { onOpen, onEnd, onFull } = events;
  let far: Bun.Socket | undefined;
  /** What the far one did not take all of yet, and how much it took. Bodies would pile up as garbage if not let go of. */
  let held: Buffer | undefined;
  let taken = 0;
  /** What may still pass. */
  let allowance = SHUT_BYTES_MAX;
  /** Of a request that waits: what passed, and what is held. */
  let counted = 0;
  let isFull = false;
  /** The near one says nothing more. */
  let isSaid = false;
  let hasEnded = false;

  const end = (): void => {
    if (hasEnded) return;
    hasEnded = true;
    near.off("data", forth);
    // Now, and not when its sender has read the answer: who is refused must take no room from others meanwhile.
    giveBack();
    letGo();
    if (!near.destroyed) onEnd();
  };
  const forth = (bytes: Buffer): void => {
    held = bytes;
    taken = 0;
    if (!push()) near.pause();
  };
  /** Whether more may be read; also where the far one is closed, which is about to be told. */
  const push = (): boolean => {
    if (isFull || hasEnded) return false;
    if (held !== undefined && allowance > 0) {
      const end = Math.min(held.length, taken + allowance);
      const written = far?.write(end - taken === held.length ? held : held.subarray(taken, end)) ?? 0;
      taken += written;
      allowance -= written;
      if (written < 0 || taken === held.length) letGo();
    }
    if (allowance <= 0) count();
    return held === undefined && allowance > 0;
  };
  const letGo = (): void => {
    if (held !== undefined) release(held);
    held = undefined;
    if (isSaid) far?.shutdown();
  };
  const count = (): void => {
    if (counted > 0) return;
    const bytes = SHUT_BYTES_MAX + (held?.length ?? 0);
    if (unread.take(bytes)) {
      counted = bytes;
      return;
    }
    isFull = true;
    letGo();
    onFull();
  };
  const giveBack = (): void => {
    unread.giveBack(counted);
    counted = 0;
  };
  const back = (bytes: Buffer): void => {
    if (near.destroyed || near.write(bytes)) return;
    far?.pause();
    near.once("drain", () => far?.resume());
  };

  const allow = (bytes: number): void => {
    giveBack();
    allowance = bytes;
    if (far !== undefined && !near.destroyed && push()) near.resume();
  };

  near.pause();
  near.once("close", () => {
    giveBack();
    letGo();
    far?.terminate();
  });
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
        // Behind all that came before: Bun answers what it can at once, and takes who waits for one that has left.
        near.once("end", () => {
          isSaid = true;
          if (held === undefined) socket.shutdown();
        });
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
  return { open: () => allow(Number.POSITIVE_INFINITY), shut: () => allow(SHUT_BYTES_MAX) };
}
