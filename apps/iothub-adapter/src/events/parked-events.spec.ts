import { expect, it } from '@jest/globals';
import type { HubEvent } from './hub-event.js';
import { asParked, readParked } from './parked-events.js';

const hub = { id: 'h1', name: 'factory' };

it.each<HubEvent>([
  {
    kind: 'message',
    hubDeviceId: 'token-of-one',
    arrivedAt: 5,
    payload: Buffer.from([0, 255]),
    resource: 'dcx/json',
  },
  { kind: 'reported', hubDeviceId: 'token-of-one', arrivedAt: 5, patch: { a: null } },
  { kind: 'connection', hubDeviceId: 'token-of-one', arrivedAt: 5, connected: true, sequence: '01' },
])('what is parked is read as it was: $kind', (event) => {
  const { subject, shownSubject, payload, headers } = asParked(hub, event);
  expect(readParked(subject, Buffer.from(payload), headers)).toEqual({ hubId: 'h1', event });
  expect(shownSubject).not.toContain('token-of-one');
});
