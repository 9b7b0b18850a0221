import { describe, expect, it } from '@jest/globals';
import type { ParkedView } from '@muster/contracts/parked/requests';
import { replayInTurn } from './replay-in-turn.js';

const parked = (id: string): ParkedView => ({
  id,
  state: 'open',
  service: 'mqtt-adapter',
  stream: 'rabbitmq',
  consumer: 'muster-uplink',
  subject: 'kp1/v1/dcx/tok…',
  reason: 'internal: a bug',
  tries: 1,
  bytes: 2,
  firstParkedAt: '2026-11-28T00:00:00.000Z',
  lastParkedAt: '2026-11-28T00:00:00.000Z',
});
const found = ['1', '2', '3'].map(parked);
const scene = (change: { most?: number; withinMs?: number; found?: ParkedView[] } = {}) => {
  const tried: string[] = [];
  const done = replayInTurn({
    found,
    most: 100,
    withinMs: 60_000,
    replay: ({ id }) => {
      tried.push(id);
      return Promise.resolve(id === '2' ? { id, code: 'internal', detail: 'a bug' } : undefined);
    },
    ...change,
  });
  return done.then((outcome) => ({ tried, ...outcome }));
};

describe('replaying in turn', () => {
  it('takes all, in order, and tells which failed', async () => {
    expect(await scene()).toEqual({
      tried: ['1', '2', '3'],
      replayed: 2,
      failures: [{ id: '2', code: 'internal', detail: 'a bug' }],
      last: undefined,
    });
  });

  it('does one though there is no time, and says where to go on', async () => {
    expect(await scene({ withinMs: 0 })).toEqual({ tried: ['1'], replayed: 1, failures: [], last: found[0] });
  });

  it('does no more than it may, and says where to go on', async () => {
    expect(await scene({ most: 2 })).toMatchObject({ tried: ['1', '2'], last: found[1] });
  });

  it('is at the end when nothing was found', async () => {
    expect(await scene({ found: [] })).toEqual({ tried: [], replayed: 0, failures: [], last: undefined });
  });
});
