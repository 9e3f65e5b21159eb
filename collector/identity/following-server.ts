/**
 * A server of Bun's with a certificate that follows its files. Bun keeps the certificate that a server began with, whatever
 * `reload` is given; so when the files change another takes its place on the same port, and open connections go on.
 */
import type { Server } from "bun";
import type { Current } from "./rotating.ts";
import type { TlsFiles } from "./tls-files.ts";

export interface FollowingServer {
  readonly port: number;
  /** Takes no more connections; those that are open go on, or end where `isCut`. */
  stop(isCut?: boolean): Promise<void>;
}

/**
 * `serve` listens on a port with the files as they are now, and throws where it can't. Without files nothing is followed.
 * `onFailure` is told where the port could not be had again.
 */
export function serveFollowing(
  files: Current<TlsFiles> | undefined,
  port: number,
  serve: (port: number) => Server<undefined>,
  onFailure: (reason: unknown) => void,
): FollowingServer {
  let server = serve(port);
  const taken = server.port as number;
  const stopFollowing = files?.onChange(() => {
    // Nobody else can take the port in between: both happen in one turn of the event loop.
    void server.stop();
    try {
      server = serve(taken);
    } catch (reason) {
      onFailure(reason);
    }
  });
  return {
    port: taken,
    stop: async (isCut = false) => {
      stopFollowing?.();
      // Without waiting: Bun's promise waits for connections that nobody closes.
      void server.stop(isCut);
    },
  };
}
