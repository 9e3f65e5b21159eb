/**
 * Where the processes of a fleet run: each on a host of its own, with two networks. Clients reach replicas by the front
 * one; replicas reach each other and Firehose by the back one, which can be cut for a replica.
 *
 *   client, agent ──front──> replica 0, 1, ... ──back──> other replicas, Firehose
 *
 * namespaces.ts makes them of network namespaces; where those are not allowed, loopback.ts makes them of addresses of the
 * loopback and a relay that stops.
 */

export interface Place {
  /** By which clients and the test reach it. */
  readonly address: string;
  /** By which the other replicas reach it. */
  readonly backAddress: string;
  /** What comes before a command that is to run there. */
  readonly wrapper: readonly string[];
}

export interface Hosts extends AsyncDisposable {
  /** Of a replica. */
  placeOf(index: number): Place;
  readonly clients: Place;
  readonly agent: Place;
  readonly firehose: Place;
  /** `host:port` by which the replica reaches Firehose. */
  wayToFirehose(index: number, port: number): string;
  /** `host:port` by which one replica reaches another. */
  wayBetween(from: number, to: number, port: number): string;
  /** What clients are told, for replicas that all listen on `port`. */
  endpoints(port: number): readonly string[];
  /** Which replicas the name stands for from now on. */
  name(replicas: readonly number[]): void;
  /** From now on nothing gets from that replica to the others and to Firehose, or back; and nobody is told. */
  cut(index: number): void;
  heal(index: number): void;
}
