/** No JSON and no text that is taken begins so. */
const MARK = 0;
const BYTES = 9;

/**
 * The payload with the time at which a door took it, Unix microseconds. MQTT 3.1.1 has no other place that a broker hands on,
 * and what waits in a queue must not be as young as the moment in which it is read.
 */
export const stamped = (payload: Uint8Array | string, arrivedAt: number): Buffer => {
  const stamp = Buffer.alloc(BYTES, MARK);
  stamp.writeBigUInt64BE(BigInt(arrivedAt), 1);
  return Buffer.concat([stamp, Buffer.from(payload as Uint8Array)]); // or a text, which Buffer takes as well
};

/** `arrivedAt` undefined: no door of ours has seen it. */
export const unstamped = (
  content: Buffer,
): { readonly payload: Buffer; readonly arrivedAt: number | undefined } => {
  if (content.length < BYTES || content[0] !== MARK) return { payload: content, arrivedAt: undefined };
  const arrivedAt = Number(content.readBigUInt64BE(1));
  if (!Number.isSafeInteger(arrivedAt)) return { payload: content, arrivedAt: undefined };
  return { payload: content.subarray(BYTES), arrivedAt };
};
