import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { campaignBatchChanged } from '@muster/contracts/campaign-orchestrator/published';
import type { Delivered } from '@muster/messaging';
import { positionIn, positionText } from './position.js';
import { sourcesOf, topicsIn } from './topics.js';

const refusal = (names: readonly string[]): string => {
  try {
    topicsIn(names);
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid-request') return error.detail;
    throw error;
  }
  return 'accepted';
};

const sources = (...names: string[]) => topicsIn(names).flatMap((topic) => sourcesOf('acme', topic));

describe('topics', () => {
  it('are each taken once', () => {
    expect(topicsIn(['jobs', 'device.d-1', 'jobs'])).toEqual([
      { name: 'jobs', kind: 'jobs' },
      { name: 'device.d-1', kind: 'device', id: 'd-1' },
    ]);
  });

  it.each([
    'job',
    'device',
    'device.',
    'device.*',
    'campaign.a.b',
    'fleet.>',
    'jobs.1',
    `device.${'a'.repeat(65)}`,
  ])('does not take %s, and names it', (name) => {
    expect(refusal(['jobs', name])).toContain(`"${name}" is no topic`);
  });

  it('are 1 to 20', () => {
    const many = (count: number) => Array.from({ length: count }, (_, nth) => `device.${nth}`);
    expect(refusal([])).toContain('must name 1 to 20 topics');
    expect(refusal(many(20))).toBe('accepted');
    expect(refusal(many(21))).toContain('must name at most 20 topics');
  });

  it('are read of the tenant alone', () => {
    const all = sources('campaign.c', 'supervision.s', 'jobs', 'device.d', 'fleet');
    expect(all.map(({ filter }) => filter.split('.')[4])).toEqual(all.map(() => 'acme'));
    expect(sources('supervision.s', 'fleet').map(({ stream, filter }) => [stream, filter])).toEqual([
      ['EVENTS_CAMPAIGN_ORCHESTRATOR', 'muster.v1.event.campaign-orchestrator.acme.*.changed.s'],
      ['EVENTS_DEVICE_REGISTRY', 'muster.v1.event.device-registry.acme.device.*.*'],
    ]);
    expect(sources('device.d').map(({ stream }) => stream)).toEqual([
      'EVENTS_DEVICE_REGISTRY',
      'EVENTS_CONFIGURATION',
      'EVENTS_COMMANDS',
      'EVENTS_FIRMWARE',
    ]);
  });

  it('hold the batches of a campaign, and those of no other', () => {
    const [campaign] = sources('campaign.c');
    const batchOf = (campaignId: string) =>
      ({ contract: campaignBatchChanged, entityId: `${campaignId}-1`, data: { campaignId } }) as Delivered;
    expect(campaign?.isMeant?.(batchOf('c'))).toBe(true);
    expect(campaign?.isMeant?.(batchOf('d'))).toBe(false);
  });
});

describe('a position', () => {
  it('is read again for the same topics, and for no others', () => {
    const own = sources('jobs', 'device.d');
    const position = own.map((_source, nth) => nth * 1_000_000);
    const text = positionText(own, position);
    expect(positionIn(own, text)).toEqual(position);
    expect(positionIn(sources('jobs', 'device.e'), text)).toBeUndefined();
    expect(positionIn(sources('device.d', 'jobs'), text)).toBeUndefined();
    expect(positionIn(own, `${text}.1`)).toBeUndefined();
    expect(positionIn(own, text.replace(/\.[^.]*$/, '.-1'))).toBeUndefined();
    expect(positionIn(own, 'nonsense')).toBeUndefined();
  });
});
