/**
 * Gives the memory of large bytes back at once, rather than when garbage is next collected: what passes through here is
 * hundreds of megabytes a second, and JavaScriptCore lets that pile up. Memory that is used again at once is also cheaper
 * than fresh memory, which the system has to find and clear.
 *
 * Only for whoever is the bytes' last owner: every view of them is empty from then on. Bytes that are part of something
 * larger are left alone, since the rest may be somebody else's.
 */
export function release(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (buffer instanceof ArrayBuffer && !buffer.detached && bytes.byteLength === buffer.byteLength) buffer.transfer(0);
}
