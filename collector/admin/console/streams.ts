/**
 * Server-sent events: what the page gets without asking again. A reader that is too slow misses events and holds up nobody; how
 * many may read at once is bounded.
 */

/** Sends one event, unless the reader is behind; returns whether it was sent. */
export type Send = (event: string, data: string) => boolean;

export interface EventStreams {
  /** A response that lasts until its reader leaves. `begin` gets the way to send, and returns what ends it. */
  open(begin: (send: Send) => () => void): Response;
  /** Ends all of them. */
  close(): void;
  readonly count: number;
}

/** Bytes that may wait for a slow reader. */
const WAITING_BYTES_MAX = 1_048_576;

const HEADERS = { "content-type": "text/event-stream", "cache-control": "no-store", "x-accel-buffering": "no" };

export function createEventStreams(streamsMax: number): EventStreams {
  const encoder = new TextEncoder();
  const ends = new Set<() => void>();
  return {
    open: (begin) => {
      if (ends.size >= streamsMax) {
        const words = `${streamsMax} pages are open already: close one, then load this again\n`;
        return new Response(words, { status: 503, headers: { "content-type": "text/plain" } });
      }
      let end = (): void => undefined;
      const body = new ReadableStream<Uint8Array>(
        {
          start: (controller) => {
            const send: Send = (event, data) => {
              if ((controller.desiredSize ?? 0) <= 0) return false;
              controller.enqueue(encoder.encode(`event: ${event}\ndata: ${data.replaceAll("\n", "\ndata: ")}\n\n`));
              return true;
            };
            const stop = begin(send);
            end = () => {
              if (!ends.delete(end)) return;
              stop();
              try {
                controller.close();
              } catch {
                // The reader has left: it is closed already.
              }
            };
            ends.add(end);
          },
          cancel: () => end(),
        },
        new ByteLengthQueuingStrategy({ highWaterMark: WAITING_BYTES_MAX }),
      );
      return new Response(body, { headers: HEADERS });
    },
    close: () => {
      for (const end of [...ends]) end();
    },
    get count() {
      return ends.size;
    },
  };
}
