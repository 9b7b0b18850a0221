import { describe, it } from '@jest/globals';
import { scenario } from '@muster/testing';
import { hub, type Hub, type HubCommand } from './hub.decider.js';
import type { HubEvent, HubSettings } from './hub.events.js';

const { given } = scenario<Hub, HubCommand, HubEvent>(hub);
const at = '2026-01-01T00:00:00.000Z';
const settings: HubSettings = {
  name: 'factory',
  hostName: 'factory.azure-devices.net',
  policy: 'muster',
  keyFingerprint: '00',
  consumerGroup: '$Default',
  tier: 'S1',
  units: 1,
  deviceTypes: ['a', 'b'],
};
const add: HubCommand = { type: 'AddHub', settings: { ...settings, deviceTypes: ['b', 'a', 'b'] }, at };
const added: HubEvent = { type: 'HubAdded', data: { settings, addedAt: at } };
const removed: HubEvent = { type: 'HubRemoved', data: { name: 'factory', removedAt: at } };

describe('AddHub', () => {
  it('adds it, once, its types in order', () => {
    given([]).when(add).then([added]);
    given([added]).when(add).then([]);
  });
});

describe('ChangeHub', () => {
  const change = (some: Partial<HubSettings>): HubCommand => ({ type: 'ChangeHub', settings: some, at });
  const changed = (some: Partial<HubSettings>): HubEvent => ({
    type: 'HubChanged',
    data: { settings: { ...settings, ...some }, changedAt: at },
  });

  it('changes what is named, once', () => {
    const renamed = changed({ name: 'plant' });
    given([added])
      .when(change({ name: 'plant' }))
      .then([renamed]);
    given([added, renamed])
      .when(change({ name: 'plant' }))
      .then([]);
  });

  it('knows another key by its fingerprint', () => {
    given([added])
      .when(change({ keyFingerprint: '01' }))
      .then([changed({ keyFingerprint: '01' })]);
  });

  it('knows no other order of types', () => {
    given([added])
      .when(change({ deviceTypes: ['b', 'a'] }))
      .then([]);
  });

  it('is refused for one that is removed or never was', () => {
    given([]).when(change({})).thenThrows('iot-hub-not-found');
    given([added, removed]).when(change({})).thenThrows('iot-hub-not-found');
  });
});

describe('RemoveHub', () => {
  const remove: HubCommand = { type: 'RemoveHub', at };

  it('removes it, once', () => {
    given([added]).when(remove).then([removed]);
    given([added, removed]).when(remove).then([]);
  });

  it('is refused for one that never was', () => {
    given([]).when(remove).thenThrows('iot-hub-not-found');
  });
});
