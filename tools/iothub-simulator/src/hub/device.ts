import type { C2dQueue } from './c2d-queue.js';
import { identityJson, thumbprintJson, time, type Activity, type Identity } from './identity.js';
import type { JsonObject } from './json.js';
import { sectionJson, type TwinSection } from './twin-section.js';

export interface Twin {
  readonly tags: JsonObject;
  readonly desired: TwinSection;
  readonly reported: TwinSection;
  /** Grows with every change. */
  readonly version: number;
  /** Of what services write: desired properties and tags. */
  readonly etag: string;
}

/** What the hub can do with a device that is connected. */
export interface DeviceSession {
  readonly deviceId: string;
  /** The annotation `iothub-connection-auth-method`. */
  readonly authMethod: string;
  /** By the clock of signatures. */
  readonly expiresAt: number;
  /** Which key or certificate opened it; a change of that identity closes it when this is not valid any more. */
  isStillValid(identity: Identity, signatureNow: number): boolean;
  desiredChanged(patch: JsonObject, version: number): void;
  /** There may be messages to lock. */
  c2dWaiting(): void;
  /** False: the device does not listen to methods. */
  invoke(requestId: string, methodName: string, payload: string): boolean;
  close(reason: string): void;
}

export interface Device {
  identity: Identity;
  twin: Twin;
  readonly queue: C2dQueue;
  session?: DeviceSession;
  connectionStateUpdatedAt?: number;
  lastActivityAt?: number;
}

export const activityOf = (device: Device): Activity => ({
  connected: device.session !== undefined,
  connectionStateUpdatedAt: device.connectionStateUpdatedAt,
  lastActivityAt: device.lastActivityAt,
  cloudToDeviceMessageCount: device.queue.length,
});

export const deviceJson = (device: Device): JsonObject => identityJson(device.identity, activityOf(device));

export const twinJson = (device: Device): JsonObject => {
  const { identity, twin } = device;
  return {
    deviceId: identity.deviceId,
    etag: twin.etag,
    deviceEtag: identity.etag,
    status: identity.status,
    ...(identity.statusReason === null ? {} : { statusReason: identity.statusReason }),
    statusUpdateTime: time(identity.statusUpdatedAt),
    connectionState: device.session === undefined ? 'Disconnected' : 'Connected',
    lastActivityTime: time(device.lastActivityAt),
    cloudToDeviceMessageCount: device.queue.length,
    authenticationType: identity.authentication.type,
    x509Thumbprint: thumbprintJson(identity.authentication),
    modelId: '',
    version: twin.version,
    ...(Object.keys(twin.tags).length === 0 ? {} : { tags: twin.tags }),
    properties: { desired: sectionJson(twin.desired), reported: sectionJson(twin.reported) },
    capabilities: { iotEdge: identity.iotEdge },
  };
};

/** `AAAAAAAAAAE=`: eight bytes of a number. */
export const etagOf = (number: number): string => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(number));
  return bytes.toString('base64');
};
