import { describe, expect, it } from '@jest/globals';
import type { PublishedContract } from '@muster/contracts';
import { supervisionVerdictsChanged } from '@muster/contracts/campaign-orchestrator/supervisions.published';
import { campaignTargetsChanged } from '@muster/contracts/campaign-orchestrator/targets.published';
import { configurationApplied, desiredConfigurationChanged } from '@muster/contracts/configuration/published';
import {
  deviceConnected,
  deviceDisconnected,
  deviceProvisioned,
} from '@muster/contracts/device-registry/published';
import { configurationJobChanged } from '@muster/contracts/jobs/published';
import { flushOf, type Arrived } from './flush.js';

const TIME = '2026-01-01T00:00:00.000Z';

const arrived = (
  [topic, source, seq]: readonly [string, number, number],
  contract: PublishedContract<object>,
  entityId: string,
  data: object = {},
): Arrived => ({
  topic,
  source,
  seq,
  event: { contract, tenantId: 'default', entityId, data, id: `${source}:${seq}`, time: TIME, deliveries: 1 },
});

describe('a flush', () => {
  it('keeps the order of events, each with the position behind it', () => {
    const updates = flushOf(
      [5, 7],
      [
        arrived(['device.d', 0, 6], desiredConfigurationChanged, 'd', { n: 1 }),
        arrived(['device.e', 1, 9], desiredConfigurationChanged, 'e', { n: 2 }),
        arrived(['device.d', 0, 8], configurationApplied, 'd', { n: 3 }),
      ],
    );
    expect(updates.map(({ topic, type, data, position }) => [topic, type, data, position])).toEqual([
      ['device.d', 'desired-configuration.changed', { n: 1 }, [6, 7]],
      ['device.e', 'desired-configuration.changed', { n: 2 }, [6, 9]],
      ['device.d', 'configuration.applied', { n: 3 }, [8, 9]],
    ]);
  });

  it('has of each job the newest only, without the errors that one event has and the others have not', () => {
    const updates = flushOf(
      [0],
      [
        arrived(['jobs', 0, 1], configurationJobChanged, 'a', { done: 1, errors: ['x'] }),
        arrived(['jobs', 0, 2], configurationJobChanged, 'b', { done: 5 }),
        arrived(['jobs', 0, 3], configurationJobChanged, 'a', { done: 2, errors: ['y'] }),
      ],
    );
    expect(updates.map(({ data, position }) => [data, position])).toEqual([
      [{ done: 5 }, [2]],
      [{ done: 2 }, [3]],
    ]);
  });

  it('has the highest version where an older one comes behind it, and never goes back to one', () => {
    const sent = new Map<string, number>();
    const one = (seq: number, version: number) =>
      arrived(['jobs', 0, seq], configurationJobChanged, 'a', { version });
    const versions = (...events: readonly Arrived[]) =>
      flushOf([0], events, sent).map(({ data, position }) => [data, position]);
    expect(versions(one(1, 3), one(2, 5), one(3, 4))).toEqual([[{ version: 5 }, [3]]]);
    expect(versions(one(4, 2))).toEqual([]);
    expect(versions(one(5, 6))).toEqual([[{ version: 6 }, [5]]]);
  });

  it.each([
    ['supervision', 'verdicts', supervisionVerdictsChanged],
    ['campaign', 'byStatus', campaignTargetsChanged],
  ] as const)('has the newest numbers of a %s, without its devices', (kind, field, contract) => {
    const one = (seq: number, n: number) =>
      arrived([`${kind}.x`, 0, seq], contract, 'x', { [field]: { n }, devices: [1] });
    expect(flushOf([0], [one(1, 4), one(2, 9)]).map(({ data }) => data)).toEqual([{ [field]: { n: 9 } }]);
  });

  it('counts the fleet, last of all: until then its position stays', () => {
    const updates = flushOf(
      [3, 3],
      [
        arrived(['fleet', 0, 4], deviceConnected, 'd'),
        arrived(['fleet', 0, 5], deviceConnected, 'e'),
        arrived(['device.d', 1, 4], deviceConnected, 'd', { n: 1 }),
        arrived(['fleet', 0, 6], deviceDisconnected, 'd'),
        arrived(['fleet', 0, 7], deviceProvisioned, 'f'),
      ],
    );
    expect(updates).toEqual([
      { topic: 'device.d', type: 'device.connected', at: TIME, data: { n: 1 }, position: [3, 4] },
      {
        topic: 'fleet',
        type: 'fleet.changed',
        at: TIME,
        data: { provisioned: 1, deleted: 0, connected: 2, disconnected: 1 },
        position: [7, 4],
      },
    ]);
  });
});
