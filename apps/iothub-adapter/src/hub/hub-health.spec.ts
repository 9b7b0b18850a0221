import { describe, expect, it } from '@jest/globals';
import { judgeHealth, type HealthFacts } from './hub-health.js';

const NOW = new Date('2026-11-30T02:00:00.000Z');
const ago = (seconds: number): Date => new Date(NOW.getTime() - seconds * 1_000);

const facts = (some: Partial<HealthFacts>): HealthFacts => ({
  now: NOW,
  addedAt: ago(86_400),
  readAt: ago(5),
  limitedUntil: undefined,
  waiting: 0,
  refused: 0,
  fault: undefined,
  routes: [],
  ...some,
});

const judge = (some: Partial<HealthFacts>) => judgeHealth(facts(some), 60);

describe('the health of a hub', () => {
  it('is well where its events are read, also while something is on its way', () => {
    expect(judge({ waiting: 3 })).toEqual({ state: 'works', waiting: 3 });
  });

  it('is not known of one that was added just now, and bad of one that was never read', () => {
    expect(judge({ addedAt: ago(20), readAt: undefined })).toEqual({ state: 'unknown', waiting: 0 });
    expect(judge({ addedAt: ago(61), readAt: undefined })).toMatchObject({
      state: 'away',
      since: ago(61).toISOString(),
    });
  });

  it('is bad since its events were read last, with what was said last', () => {
    expect(judge({ readAt: ago(60) }).state).toBe('works');
    expect(judge({ readAt: ago(61), waiting: 2, refused: 2, fault: 'hub does not answer' })).toEqual({
      state: 'away',
      waiting: 2,
      since: ago(61).toISOString(),
      message:
        'its events are not read: it does not answer, or does not let us in; it was said last: hub does not answer',
    });
  });

  it('is the worst of what is known', () => {
    const route = { source: 'DeviceMessages', state: 'missing', message: 'no route' } as const;
    const limited = { limitedUntil: new Date(NOW.getTime() + 60_000) };
    expect(judge({ ...limited, waiting: 9 })).toMatchObject({
      state: 'limited',
      waiting: 9,
      until: '2026-11-30T02:01:00.000Z',
    });
    expect(judge({ ...limited, routes: [route] })).toMatchObject({
      state: 'incomplete',
      message: 'no route',
    });
    expect(judge({ ...limited, routes: [route], refused: 1, fault: '403' }).state).toBe('refusing');
  });
});
