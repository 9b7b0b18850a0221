import { describe, expect, it } from '@jest/globals';
import type { StoredEvent } from '@muster/event-store';
import { withoutFixture, type NewestVersions } from '@muster/testing';
import { initial } from './configuration-state.js';
import { evolve } from './device-configuration.decider.js';
import { upcast, type ConfigurationEvent } from './device-configuration.events.js';

/** As they lie in the table, version 1. Never edited: a changed shape is a new version with an upcast, and a new line. */
const version1 = `
{"type":"DesiredConfigurationChanged","data":{"changes":{"interval":{"to":10},"wifi":{"to":{"ssid":"x"}}},"configId":"11111111111111111111111111111111","source":{"kind":"api-key","id":"k1"},"changedAt":"2026-01-01T00:00:00.000Z"}}
{"type":"DesiredConfigurationChanged","data":{"changes":{"interval":{"from":10,"to":20},"wifi":{"from":{"ssid":"x"}}},"configId":"22222222222222222222222222222222","source":{"kind":"campaign","id":"c1"},"reason":"winter","changedAt":"2026-01-01T00:00:01.000Z"}}
{"type":"ConfigurationDispatched","data":{"configId":"22222222222222222222222222222222","interface":"mqtt","subscriber":true,"dispatchedAt":"2026-01-01T00:00:02.000Z"}}
{"type":"ConfigurationRejected","data":{"configId":"22222222222222222222222222222222","interface":"mqtt","statusCode":400,"reasonPhrase":"too fast","rejectedAt":"2026-01-01T00:00:03.000Z"}}
{"type":"ConfigurationApplied","data":{"configId":"22222222222222222222222222222222","interface":"http","implicit":true,"appliedAt":"2026-01-01T00:00:04.000Z"}}
{"type":"StateReported","data":{"changes":{"interval":{"to":20}},"configId":"22222222222222222222222222222222","interface":"http","reportedAt":"2026-01-01T00:00:04.000Z"}}
{"type":"ObservationChanged","data":{"observe":false,"interface":"iothub","changedAt":"2026-01-01T00:00:05.000Z"}}
{"type":"ConfigurationEnded","data":{"endedAt":"2026-01-01T00:00:06.000Z"}}
`;

/** As they lie in the table, version 2 of a change and version 1 of a reoffer, after those above but for the end. */
const version2 = `
{"type":"DesiredConfigurationChanged","data":{"changes":{"interval":{"from":20,"to":20,"origin":"device-type"},"led":{"to":true,"origin":"app-version"},"mode":{"to":"eco","origin":"device"}},"configId":"33333333333333333333333333333333","source":{"kind":"default","id":"v2"},"changedAt":"2026-01-02T00:00:00.000Z"}}
{"type":"ConfigurationDispatched","data":{"configId":"33333333333333333333333333333333","interface":"mqtt","subscriber":true,"dispatchedAt":"2026-01-02T00:00:01.000Z"}}
{"type":"ConfigurationRejected","data":{"configId":"33333333333333333333333333333333","interface":"mqtt","statusCode":409,"rejectedAt":"2026-01-02T00:00:02.000Z"}}
{"type":"ConfigurationReoffered","data":{"configId":"33333333333333333333333333333333","source":{"kind":"user","id":"anna"},"reason":"new firmware","reofferedAt":"2026-01-02T00:00:03.000Z"}}
`;

/** Version 2 of a report. */
const stated = `
{"type":"StateReported","data":{"changes":{"interval":{"from":20,"to":20},"led":{"from":true}},"stated":true,"configId":"33333333333333333333333333333333","interface":"mqtt","reportedAt":"2026-01-02T00:00:04.000Z"}}
`;

/** As they lie in the table since before the document without keys had an id. */
const withoutKeys = `
{"type":"DesiredConfigurationChanged","schemaVersion":1,"data":{"changes":{"interval":{"from":20}},"configId":"","source":{"kind":"api-key","id":"k1"},"changedAt":"2026-01-03T00:00:00.000Z"}}
{"type":"DesiredConfigurationChanged","schemaVersion":2,"data":{"changes":{"interval":{"from":20}},"configId":"","source":{"kind":"api-key","id":"k1"},"changedAt":"2026-01-03T00:00:00.000Z"}}
{"type":"ConfigurationApplied","schemaVersion":1,"data":{"configId":"","interface":"http","implicit":true,"appliedAt":"2026-01-03T00:00:01.000Z"}}
`;

const parsed = (lines: string, versionOf: (type: string) => number): StoredEvent[] =>
  lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Pick<StoredEvent, 'type' | 'data'>)
    .map((stored) => ({ ...stored, schemaVersion: versionOf(stored.type) }));

const storedFirst = parsed(version1, () => 1);
const storedSecond = parsed(version2, (type) => (type === 'DesiredConfigurationChanged' ? 2 : 1));
const storedStated = parsed(stated, () => 2);
const first = storedFirst.map(upcast);
const second = storedSecond.map(upcast);

const newest: NewestVersions<ConfigurationEvent> = {
  DesiredConfigurationChanged: 2,
  ConfigurationReoffered: 1,
  ConfigurationDispatched: 1,
  ConfigurationApplied: 1,
  ConfigurationRejected: 1,
  StateReported: 2,
  ObservationChanged: 1,
  ConfigurationEnded: 1,
};

describe('stored events of a configuration', () => {
  it('have a fixture of every type and version', () => {
    expect(withoutFixture([...storedFirst, ...storedSecond, ...storedStated], newest)).toEqual([]);
  });

  it("of version 1 are still read, every value as the device's own", () => {
    expect(first.reduce(evolve, initial)).toEqual({
      ended: true,
      streamVersion: 8,
      version: 2,
      configId: '22222222222222222222222222222222',
      desired: {
        interval: {
          value: 20,
          origin: 'device',
          at: '2026-01-01T00:00:01.000Z',
          by: { kind: 'campaign', id: 'c1' },
        },
      },
      withdrawn: {
        wifi: { at: '2026-01-01T00:00:01.000Z', by: { kind: 'campaign', id: 'c1' } },
      },
      // It came with a confirmation: the device has not stated it.
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
      doubted: null,
      strayReport: null,
    });
  });

  it('of version 2 say whose values there are', () => {
    const state = [...first.slice(0, -1), ...second].reduce(evolve, initial);
    const byDefault = { at: '2026-01-02T00:00:00.000Z', by: { kind: 'default', id: 'v2' } };
    expect(state).toMatchObject({
      ended: false,
      streamVersion: 11,
      version: 8,
      configId: '33333333333333333333333333333333',
      desired: {
        interval: { value: 20, origin: 'device-type', ...byDefault },
        led: { value: true, origin: 'app-version', ...byDefault },
        mode: { value: 'eco', origin: 'device', ...byDefault },
      },
      dispatched: { subscriber: false, reachedAt: null, at: '2026-01-02T00:00:03.000Z' },
      sentSinceChange: false,
      confirmation: null,
    });
  });

  it('of version 2 of a report say that the device stated it', () => {
    const events = [...first.slice(0, -1), ...second, ...storedStated.map(upcast)];
    expect(events.reduce(evolve, initial).reported).toEqual({
      interval: { value: 20, at: '2026-01-01T00:00:04.000Z', statedAt: '2026-01-02T00:00:04.000Z' },
    });
  });

  it('that named the document without keys "" name it by its id', () => {
    const events = withoutKeys
      .trim()
      .split('\n')
      .map((line) => upcast(JSON.parse(line) as StoredEvent));
    expect(events.map(({ data }) => 'configId' in data && data.configId)).toEqual(
      Array(3).fill('44136fa355b3678a1146ad16f7e8649e'),
    );
  });
});
