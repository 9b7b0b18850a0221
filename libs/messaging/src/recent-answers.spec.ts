import { describe, expect, it } from '@jest/globals';
import { RecentAnswers, type Answer } from './recent-answers.js';

const counting = (payload = 'done'): { work: () => Promise<Answer>; count: () => number } => {
  let times = 0;
  return {
    work: () => {
      times += 1;
      return Promise.resolve({ payload: `${payload} ${times}` });
    },
    count: () => times,
  };
};

describe('a request that comes again', () => {
  it('gets the answer of the first time, under way or finished', async () => {
    const answers = new RecentAnswers(() => 0);
    const { work, count } = counting();
    const [first, second] = await Promise.all([answers.once('a', 100, work), answers.once('a', 100, work)]);
    expect([first, second, await answers.once('a', 100, work)]).toEqual(Array(3).fill({ payload: 'done 1' }));
    expect(count()).toBe(1);
  });

  it('is worked on again once nobody waits for the first, and when the first failed', async () => {
    let now = 0;
    const answers = new RecentAnswers(() => now);
    const { work, count } = counting();
    await answers.once('a', 100, work);
    now = 101;
    await answers.once('b', 200, work);
    await answers.once('a', 300, work);
    expect(count()).toBe(3);
    await expect(answers.once('c', 300, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await answers.once('c', 300, work)).toEqual({ payload: 'done 4' });
  });

  it('is worked on again where the answer is large, so that lists are not kept', async () => {
    const answers = new RecentAnswers(() => 0);
    const { work, count } = counting('x'.repeat(5_000));
    await answers.once('a', 100, work);
    await answers.once('a', 100, work);
    expect(count()).toBe(2);
  });
});
