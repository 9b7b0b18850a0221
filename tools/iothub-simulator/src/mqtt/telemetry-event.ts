import type { HubEvent } from '../hub/event-log.js';

export interface TelemetryMessage {
  readonly deviceId: string;
  readonly authMethod: string;
  readonly bag: ReadonlyMap<string, string>;
  readonly payload: Buffer;
  readonly retain: boolean;
  readonly isWill: boolean;
}

/** Names of a property bag that are no properties of the device's own. */
const SYSTEM = {
  $messageId: '$.mid',
  $correlationId: '$.cid',
  $userId: '$.uid',
  $contentType: '$.ct',
  $contentEncoding: '$.ce',
  $subject: '$.sub',
  $interface: '$.ifid',
} as const;

/** What a device published, as the built-in endpoint gives it out. The device cannot set the annotations. */
export const telemetryEvent = (
  { deviceId, authMethod, bag, payload, retain, isWill }: TelemetryMessage,
  now: number,
): HubEvent => {
  const own = [...bag].filter(([name]) => !name.startsWith('$.'));
  const subject = bag.get(SYSTEM.$subject);
  const interfaceId = bag.get(SYSTEM.$interface);
  return {
    body: payload,
    messageId: bag.get(SYSTEM.$messageId),
    correlationId: bag.get(SYSTEM.$correlationId),
    userId: bag.get(SYSTEM.$userId),
    contentType: bag.get(SYSTEM.$contentType),
    contentEncoding: bag.get(SYSTEM.$contentEncoding),
    properties: {
      ...Object.fromEntries(own),
      ...(retain ? { 'mqtt-retain': 'true' } : {}),
      ...(isWill ? { 'iothub-MessageType': 'Will' } : {}),
    },
    annotations: {
      'iothub-connection-device-id': deviceId,
      'iothub-connection-auth-method': authMethod,
      'iothub-enqueuedtime': new Date(now),
      'iothub-message-source': 'Telemetry',
      ...(subject === undefined ? {} : { 'dt-subject': subject }),
      ...(interfaceId === undefined ? {} : { 'iothub-interface-id': interfaceId }),
    },
  };
};
