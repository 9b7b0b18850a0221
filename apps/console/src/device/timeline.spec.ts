import { describe, expect, it } from '@jest/globals';
import type { Schema } from '../api/client.js';
import { mergedBack, ofCommands, ofConnections, ofIssued, ofSoftware, type Happened } from './timeline.js';

const at = (minute: number): string => `2026-01-01T00:${String(minute).padStart(2, '0')}:00.000Z`;
const issued = (minute: number): Happened => ({ kind: 'issued', at: at(minute), what: 'a' });

describe('the time line of a device', () => {
  it('is all lists by time, newest first', () => {
    const { items, more } = mergedBack([
      { items: [issued(9), issued(3)], more: false },
      { items: [issued(5)], more: false },
    ]);
    expect([items.map((one) => one.at), more]).toEqual([[at(9), at(5), at(3)], false]);
  });

  it('goes back only as far as every list was read', () => {
    const { items, more } = mergedBack([
      { items: [issued(9), issued(6)], more: true },
      { items: [issued(8), issued(2)], more: true },
      { items: [issued(7), issued(1)], more: false },
    ]);
    expect([items.map((one) => one.at), more]).toEqual([[at(9), at(8), at(7), at(6)], true]);
  });

  it('has a command when it was given and when it was answered', () => {
    const command = { createdAt: at(1), finishedAt: at(4) } as Schema<'CommandView'>;
    const open = { createdAt: at(2) } as Schema<'CommandView'>;
    const { items, more } = ofCommands({ items: [open, command], nextCursor: 'c' });
    expect(items.map(({ kind, at: time }) => [kind, time])).toEqual([
      ['answer', at(4)],
      ['command', at(2)],
      ['command', at(1)],
    ]);
    expect(more).toBe(true);
  });

  it('has of the rest what the platform keeps', () => {
    const software = {
      ...{ name: 'main', firmwareType: 'main', observe: true, reportedVersion: '1', reportedAt: at(1) },
      offered: { version: '2', at: at(2), subscriber: true },
      rejected: { version: '2', at: at(3), statusCode: 400 },
    };
    expect(ofSoftware({ items: [software], nextCursor: null }).items.map(({ kind }) => kind)).toEqual([
      'offered',
      'refused',
      'running',
    ]);
    const connections = {
      connections: [{ clientId: 'c', since: at(5) }],
      lastEnded: { at: at(4), reason: 'lost', clientId: 'c' },
    } as Schema<'DeviceConnectivity'>;
    expect(ofConnections(connections).items).toHaveLength(2);
    expect(ofIssued(undefined, undefined).items).toEqual([]);
  });
});
