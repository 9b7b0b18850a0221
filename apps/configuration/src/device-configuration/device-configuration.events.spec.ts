import { describe, expect, it } from '@jest/globals';
import { evolve, initial } from './device-configuration.decider.js';
import type { ConfigurationEvent } from './device-configuration.events.js';

/** As they lie in the table, version 1. Never edited: a changed shape is a new version with an upcast, and a new line. */
const stored = `
{"type":"DesiredConfigurationChanged","data":{"changes":{"interval":{"to":10},"wifi":{"to":{"ssid":"x"}}},"configId":"11111111111111111111111111111111","source":{"kind":"api-key","id":"k1"},"changedAt":"2026-01-01T00:00:00.000Z"}}
{"type":"DesiredConfigurationChanged","data":{"changes":{"interval":{"from":10,"to":20},"wifi":{"from":{"ssid":"x"}}},"configId":"22222222222222222222222222222222","source":{"kind":"campaign","id":"c1"},"reason":"winter","changedAt":"2026-01-01T00:00:01.000Z"}}
{"type":"ConfigurationDispatched","data":{"configId":"22222222222222222222222222222222","interface":"mqtt","subscriber":true,"dispatchedAt":"2026-01-01T00:00:02.000Z"}}
{"type":"ConfigurationRejected","data":{"configId":"22222222222222222222222222222222","interface":"mqtt","statusCode":400,"reasonPhrase":"too fast","rejectedAt":"2026-01-01T00:00:03.000Z"}}
{"type":"ConfigurationApplied","data":{"configId":"22222222222222222222222222222222","interface":"http","implicit":true,"appliedAt":"2026-01-01T00:00:04.000Z"}}
{"type":"StateReported","data":{"changes":{"interval":{"to":20}},"configId":"22222222222222222222222222222222","interface":"http","reportedAt":"2026-01-01T00:00:04.000Z"}}
{"type":"ObservationChanged","data":{"observe":false,"interface":"iothub","changedAt":"2026-01-01T00:00:05.000Z"}}
{"type":"ConfigurationEnded","data":{"endedAt":"2026-01-01T00:00:06.000Z"}}
`;

describe('stored events of a configuration', () => {
  it('are still read', () => {
    const events = stored
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as ConfigurationEvent);
    expect(events.reduce(evolve, initial)).toEqual({
      ended: true,
      streamVersion: 8,
      version: 2,
      configId: '22222222222222222222222222222222',
      desired: {
        interval: { value: 20, at: '2026-01-01T00:00:01.000Z', by: { kind: 'campaign', id: 'c1' } },
      },
      reported: { interval: { value: 20, at: '2026-01-01T00:00:04.000Z' } },
      observe: false,
      dispatched: {
        configId: '22222222222222222222222222222222',
        subscriber: true,
        at: '2026-01-01T00:00:02.000Z',
        reachedAt: '2026-01-01T00:00:02.000Z',
      },
      sentSinceChange: true,
      confirmation: {
        configId: '22222222222222222222222222222222',
        at: '2026-01-01T00:00:04.000Z',
        rejection: null,
      },
      strayReport: null,
    });
  });
});
