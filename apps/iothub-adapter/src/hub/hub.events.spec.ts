import { expect, it } from '@jest/globals';
import { hub } from './hub.decider.js';
import type { HubEvent } from './hub.events.js';

/** As they lie in the table, version 1. Never edited: a changed shape is a new version with an upcast, and a new line. */
const stored = `
{"type":"HubAdded","data":{"settings":{"name":"factory","hostName":"factory.azure-devices.net","policy":"muster","keyFingerprint":"00","consumerGroup":"$Default","tier":"S1","units":1,"deviceTypes":[]},"addedAt":"2026-01-01T00:00:00.000Z"}}
{"type":"HubChanged","data":{"settings":{"name":"plant","hostName":"factory.azure-devices.net","policy":"muster","keyFingerprint":"01","consumerGroup":"muster","tier":"S2","units":3,"deviceTypes":["t1"]},"changedAt":"2026-01-02T00:00:00.000Z"}}
{"type":"HubRemoved","data":{"name":"plant","removedAt":"2026-01-03T00:00:00.000Z"}}
`;

it('stored events of hubs are still read', () => {
  const events = stored
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as HubEvent);
  expect(events.slice(0, 2).reduce(hub.evolve, hub.initial)).toEqual({
    status: 'existing',
    settings: {
      name: 'plant',
      hostName: 'factory.azure-devices.net',
      policy: 'muster',
      keyFingerprint: '01',
      consumerGroup: 'muster',
      tier: 'S2',
      units: 3,
      deviceTypes: ['t1'],
    },
  });
  expect(events.reduce(hub.evolve, hub.initial)).toEqual({ status: 'removed' });
});
