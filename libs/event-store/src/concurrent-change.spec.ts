import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { againOnConflict, concurrentChange, TRIES } from './concurrent-change.js';

const deadlock = Object.assign(new Error('deadlock detected'), { code: '40P01' });

describe('a transaction that is in the way of another', () => {
  it.each([
    ['a deadlock', deadlock],
    ['a stream that moved on', concurrentChange()],
  ])('is run again after %s', async (_what, fault) => {
    let runs = 0;
    const work = async (): Promise<number> => {
      runs += 1;
      if (runs < TRIES) throw await Promise.resolve(fault);
      return runs;
    };
    expect(await againOnConflict(work)).toBe(TRIES);
  });

  it('is told so after three times, and never as a fault of ours', async () => {
    let runs = 0;
    const always = (): Promise<never> => {
      runs += 1;
      return Promise.reject(deadlock);
    };
    await expect(againOnConflict(always)).rejects.toMatchObject({ code: 'concurrent-change' });
    expect(runs).toBe(TRIES);
  });

  it('is not run again after anything else', async () => {
    let runs = 0;
    const refused = (): Promise<never> => {
      runs += 1;
      return Promise.reject(new AppError('not-allowed', 'No.'));
    };
    await expect(againOnConflict(refused)).rejects.toMatchObject({ code: 'not-allowed' });
    expect(runs).toBe(1);
  });
});
