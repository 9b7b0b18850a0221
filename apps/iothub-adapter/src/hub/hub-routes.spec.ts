import { describe, expect, it } from '@jest/globals';
import { HUB_ROUTES, type HubRouteSource } from '@muster/contracts/iothub-adapter/hubs.requests';
import { judgeRoutes, type RouteFacts } from './hub-routes.js';

const nothing: RouteFacts = { seenAt: undefined, cameBack: false };
const seen: RouteFacts = { seenAt: new Date(0), cameBack: false };
const back: RouteFacts = { seenAt: undefined, cameBack: true };

const states = (ageSeconds: number | undefined, facts: Partial<Record<HubRouteSource, RouteFacts>>) => {
  const routes = {
    DeviceMessages: nothing,
    TwinChangeEvents: nothing,
    DeviceLifecycleEvents: nothing,
    DeviceConnectionStateEvents: nothing,
    ...facts,
  };
  return judgeRoutes({ ageSeconds, routes }).map(({ state }) => state);
};

describe('the routes of a hub', () => {
  it('are judged in this order', () =>
    expect(HUB_ROUTES).toEqual([
      'DeviceMessages',
      'TwinChangeEvents',
      'DeviceLifecycleEvents',
      'DeviceConnectionStateEvents',
    ]));

  it.each<[string, number | undefined, Partial<Record<HubRouteSource, RouteFacts>>, string[]]>([
    ['nobody has looked', undefined, {}, ['unknown', 'unknown', 'unknown', 'unknown']],
    ['a check was made just now', 5, {}, ['unknown', 'checking', 'checking', 'unknown']],
    ['a check was not told of', 61, {}, ['unknown', 'missing', 'missing', 'unknown']],
    [
      'one route tells of it',
      61,
      { DeviceLifecycleEvents: back },
      ['unknown', 'missing', 'works', 'unknown'],
    ],
    [
      // A route that was there once and is removed.
      'it has told of devices before, and not of the check',
      61,
      { TwinChangeEvents: seen, DeviceLifecycleEvents: back },
      ['unknown', 'missing', 'works', 'unknown'],
    ],
    [
      'devices send, and nobody is said to be connected',
      5,
      { DeviceMessages: seen, TwinChangeEvents: back, DeviceLifecycleEvents: back },
      ['works', 'works', 'works', 'missing'],
    ],
    [
      'all tell',
      61,
      {
        DeviceMessages: seen,
        TwinChangeEvents: back,
        DeviceLifecycleEvents: back,
        DeviceConnectionStateEvents: seen,
      },
      ['works', 'works', 'works', 'works'],
    ],
  ])('when %s', (_what, age, facts, expected) => {
    expect(states(age, facts)).toEqual(expected);
  });

  it('that are missing are named, with what is lost', () => {
    const [, twins] = judgeRoutes({
      ageSeconds: 61,
      routes: {
        DeviceMessages: nothing,
        TwinChangeEvents: nothing,
        DeviceLifecycleEvents: nothing,
        DeviceConnectionStateEvents: nothing,
      },
    });
    expect(twins?.message).toMatch(/TwinChangeEvents.*what devices report does not come here/);
  });
});
