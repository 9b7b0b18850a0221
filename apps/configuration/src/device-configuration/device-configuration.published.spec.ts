import { describe, expect, it } from '@jest/globals';
import type { RecordedEvent } from '@muster/event-store';
import type { ConfigurationEvent, DesiredChanges } from './device-configuration.events.js';
import { publishedOfConfiguration } from './device-configuration.published.js';

const recorded = (changes: DesiredChanges): RecordedEvent<ConfigurationEvent> => ({
  type: 'DesiredConfigurationChanged',
  schemaVersion: 2,
  data: {
    changes,
    configId: 'c',
    source: { kind: 'user', id: 'anna' },
    changedAt: '2026-01-01T00:00:00.000Z',
  },
  position: 1,
  tenantId: 'default',
  aggregate: 'configuration',
  streamId: 'd1',
  stream: 'configuration-d1',
  version: 1,
  metadata: { actor: { kind: 'user', id: 'anna' } },
  recordedAt: '2026-01-01T00:00:00.000Z',
});

describe('a published change', () => {
  it('has the keys whose value changed', () => {
    const [told] = publishedOfConfiguration(
      recorded({
        same: { from: { a: 1, b: 2 }, to: { b: 2, a: 1 }, origin: 'device' },
        other: { from: 1, to: 2, origin: 'device-type' },
        gone: { from: 1 },
      }),
    );
    expect(told?.data).toMatchObject({ changes: { other: { from: 1, to: 2 }, gone: { from: 1 } } });
    expect(JSON.stringify(told?.data)).not.toMatch(/same|origin/);
  });

  it('is none where only whose value it is changed', () => {
    expect(publishedOfConfiguration(recorded({ same: { from: 1, to: 1, origin: 'device' } }))).toEqual([]);
  });
});
