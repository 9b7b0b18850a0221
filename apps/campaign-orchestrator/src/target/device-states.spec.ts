import { describe, expect, it } from '@jest/globals';
import { MAX_STATE_KEYS } from '@muster/contracts/configuration/campaign.requests';
import {
  configurationDispatched,
  desiredConfigurationChanged,
} from '@muster/contracts/configuration/published';
import type { Delivered } from '@muster/messaging';
import { DeviceStatesReactor } from './device-states.reactor.js';
import { DeviceWatch, type Follower } from './device-watch.js';

/** Follows nobody, and knows whose look it was asked for. */
class Asked implements Follower {
  readonly deviceIds: string[] = [];

  find(_tenantId: string, deviceIds: readonly string[]): Promise<undefined> {
    this.deviceIds.push(...deviceIds);
    return Promise.resolve(undefined);
  }
}

const event = (contract: Delivered['contract'], deviceId: string, kind: string) =>
  ({ contract, tenantId: 'default', data: { deviceId, source: { kind, id: 'x' } } }) as unknown as Delivered<{
    deviceId: string;
  }>;

describe('events of devices', () => {
  it('lead to a look, but for what a campaign wrote: that is looked at by whoever wrote it', async () => {
    const asked = new Asked();
    const reactor = new DeviceStatesReactor(
      new DeviceWatch({ request: () => Promise.reject(new Error('nobody is followed')) }, [asked]),
    );
    await reactor.look([
      event(desiredConfigurationChanged, 'by-a-user', 'user'),
      event(desiredConfigurationChanged, 'by-a-campaign', 'campaign'),
      event(configurationDispatched, 'dispatched', 'campaign'),
    ]);
    expect(asked.deviceIds).toEqual(['by-a-user', 'dispatched']);
  });
});

describe('a look at devices', () => {
  it('whose followers want more keys than a question names asks for all', async () => {
    const asked: (readonly string[] | undefined)[] = [];
    const request = (_contract: object, { keys }: { keys?: readonly string[] }) => {
      asked.push(keys);
      return Promise.resolve({ states: [] });
    };
    const following = (count: number): Follower => ({
      find: (_tenantId, deviceIds) =>
        Promise.resolve({
          deviceIds,
          keys: Array.from({ length: count }, (_none, nth) => `k${nth}`),
          judge: () => Promise.resolve([]),
        }),
    });
    for (const count of [MAX_STATE_KEYS, MAX_STATE_KEYS + 1])
      await new DeviceWatch({ request: request as never }, [following(count)]).look('default', ['d1']);
    expect(asked.map((keys) => keys?.length)).toEqual([MAX_STATE_KEYS, undefined]);
  });
});
