import { describe, expect, it } from '@jest/globals';
import { lanes } from './lanes.js';

const soon = (): Promise<void> => new Promise((done) => setTimeout(done, 5));

const inLane = lanes(2);

describe('what is asked in lanes', () => {
  it('is asked two at a time, in its order, also after one of them has failed', async () => {
    const asked: string[] = [];
    const ends = new Map<string, (fault?: Error) => void>();
    const ask = (name: string): Promise<string> =>
      inLane(() => {
        asked.push(name);
        return new Promise((answer, refuse) =>
          ends.set(name, (fault) => (fault === undefined ? answer(name) : refuse(fault))),
        );
      });
    const all = Promise.allSettled(['a', 'b', 'c', 'd'].map(ask));
    await soon();
    expect(asked).toEqual(['a', 'b']);
    ends.get('b')?.(new Error('away'));
    await soon();
    expect(asked).toEqual(['a', 'b', 'c']);
    for (const name of ['a', 'c']) ends.get(name)?.();
    await soon();
    ends.get('d')?.();
    expect((await all).map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
    const later = ['e', 'f', 'g'].map(ask);
    await soon();
    expect(asked.slice(4)).toEqual(['e', 'f']);
    ends.get('e')?.();
    await soon();
    for (const name of ['f', 'g']) ends.get(name)?.();
    await Promise.all(later);
  });
});
