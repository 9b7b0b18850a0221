import type { Locked } from '../hub/c2d-queue.js';
import { hubTime } from '../hub/json.js';

/** The properties of a cloud-to-device message, as they stand in its topic. */
export const c2dBag = (deviceId: string, { message }: Locked): ReadonlyMap<string, string> => {
  const system: [string, string | undefined][] = [
    ['$.to', `/devices/${deviceId}/messages/deviceBound`],
    ['$.mid', message.messageId],
    ['$.cid', message.correlationId],
    ['$.uid', message.userId],
    ['$.ct', message.contentType],
    ['$.ce', message.contentEncoding],
    ['$.exp', hubTime(message.expiresAt)],
    ['iothub-ack', message.ack],
  ];
  return new Map([
    ...system.filter((pair): pair is [string, string] => pair[1] !== undefined),
    ...Object.entries(message.properties),
  ]);
};
