import type { DeviceInterface } from '@muster/contracts/device-registry/devices.requests';
import type { DeviceCommand } from './device.decider.js';
import type { DeviceEvent } from './device.events.js';

export const at = '2026-11-20T10:00:00.000Z';
export const given = {
  name: 'radiator 7',
  deviceTypeId: 'type-1',
  deviceType: 'radiator',
  appVersion: 'radiator-v1',
  interface: 'mqtt',
  folder: '/paris',
  tags: ['roof'],
  metadata: { floor: 3 },
} as const;

/** The device that specs of deciders are about. */
export const provision: Extract<DeviceCommand, { type: 'ProvisionDevice' }> = {
  type: 'ProvisionDevice',
  ...given,
  token: { tokenId: 'token-1', hint: 'abcd' },
  credential: null,
  at,
};
export const provisioned: DeviceEvent = { type: 'DeviceProvisioned', data: { ...given, provisionedAt: at } };
export const provisionedAs = (over: DeviceInterface): DeviceEvent => ({
  type: 'DeviceProvisioned',
  data: { ...given, interface: over, provisionedAt: at },
});
export const tokenIssued: DeviceEvent = {
  type: 'EndpointTokenIssued',
  data: { tokenId: 'token-1', hint: 'abcd', issuedAt: at },
};
type Status = Extract<DeviceEvent, { type: 'EndpointTokenStatusChanged' }>['data']['to'];
export const tokenStatus = (from: Status, to: Status): DeviceEvent => ({
  type: 'EndpointTokenStatusChanged',
  data: { tokenId: 'token-1', from, to },
});

/** The only way to an own property of the name `__proto__`. */
export const parsed = <T>(json: string): T => JSON.parse(json) as T;
