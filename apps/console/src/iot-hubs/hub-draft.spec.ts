import { describe, expect, it } from '@jest/globals';
import { draftOf, editOf, namedFields, NEW_HUB } from './hub-draft.js';
import type { Hub } from './iot-hubs.queries.js';

const hub: Hub = {
  id: 'hub-1',
  name: 'factory',
  hostName: 'factory.azure-devices.net',
  policy: 'muster',
  keyFingerprint: '5f3c',
  consumerGroup: '$Default',
  tier: 'S1',
  units: 1,
  deviceTypes: ['type-1'],
  enrolment: { deviceType: 'type-1', enabled: true, limit: 10, enrolled: 3 },
  version: 2,
  createdAt: '2026-11-28T09:30:00.000Z',
  createdBy: { kind: 'api-key', id: 'local-admin' },
};
const opened = draftOf(hub, (id) => id.replace('type-', 'press-'));

describe('the edit of an IoT Hub', () => {
  it('shows device types by their names, and how many have enrolled is no part of the rule', () => {
    expect(opened.deviceTypes).toEqual(['press-1']);
    expect(editOf(opened, { ...opened, rule: { ...opened.rule, limit: 20 } })).toEqual({
      enrolment: {
        ...{ deviceType: 'press-1', enabled: true, limit: 20 },
        authentication: ['certificateAuthority', 'selfSigned'],
      },
    });
  });

  it('sends nothing that was not touched, and a connection string only where one was typed', () => {
    expect(editOf(opened, opened)).toEqual({});
    expect(editOf(opened, { ...opened, connectionString: 'HostName=…' })).toEqual({
      connectionString: 'HostName=…',
    });
  });

  it('takes the rule away with null', () => {
    expect(editOf(opened, { ...opened, isRuled: false })).toEqual({ enrolment: null });
  });

  it('never shows the connection string beside what somebody else has set', () => {
    const typed = { ...NEW_HUB, connectionString: 'HostName=a;SharedAccessKey=hush' };
    expect(JSON.stringify(namedFields(typed))).not.toContain('hush');
    expect(namedFields(typed)['connectionString']).toBe('another one');
  });
});
