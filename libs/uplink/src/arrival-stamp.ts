/** No JSON and no text that is taken begins so. */
const MARK = 0;
const BYTES = 9;
/** Of the eight bytes of the time, which needs 53 bits. */
const DUPLICATE = 1n << 63n;

/**
 * The payload with the time at which a door took it, Unix microseconds, and whether the client has said that it sends it again.
 * MQTT 3.1.1 has no other place that a broker hands on: what waits in a queue must not be as young as the moment in which it is
 * read, and RabbitMQ 4 keeps the client's DUP flag to itself.
 */
export const stamped = (payload: Uint8Array | string, arrivedAt: number, isDuplicate = false): Buffer => {
  const stamp = Buffer.alloc(BYTES, MARK);
  stamp.writeBigUInt64BE(BigInt(arrivedAt) | (isDuplicate ? DUPLICATE : 0n), 1);
  return Buffer.concat([stamp, Buffer.from(payload as Uint8Array)]); // or a text, which Buffer takes as well
};

export interface Unstamped {
  readonly payload: Buffer;
  /** Undefined: no door of ours has seen it. */
  readonly arrivedAt: number | undefined;
  readonly isDuplicate: boolean;
}

export const unstamped = (content: Buffer): Unstamped => {
  const other = { payload: content, arrivedAt: undefined, isDuplicate: false };
  if (content.length < BYTES || content[0] !== MARK) return other;
  const stamp = content.readBigUInt64BE(1);
  const isDuplicate = (stamp & DUPLICATE) !== 0n;
  const arrivedAt = Number(isDuplicate ? stamp ^ DUPLICATE : stamp);
  if (!Number.isSafeInteger(arrivedAt)) return other;
  return { payload: content.subarray(BYTES), arrivedAt, isDuplicate };
};
