import { describe, expect, it } from '@jest/globals';
import { WaitingLine } from './waiting-line.js';

describe('a waiting line', () => {
  it('lets so many through at once, the others in order, also after a failure', async () => {
    const line = new WaitingLine(2);
    const began: number[] = [];
    const ends = new Map<number, { end(): void; fail(error: Error): void }>();
    const run = (n: number): Promise<void> =>
      line.run(() => {
        began.push(n);
        return new Promise<void>((resolve, reject) => ends.set(n, { end: resolve, fail: reject }));
      });
    const runs = [0, 1, 2, 3].map(run);
    expect(began).toEqual([0, 1]);
    ends.get(1)?.fail(new Error('broken'));
    await expect(runs[1]).rejects.toThrow('broken');
    expect(began).toEqual([0, 1, 2]);
    ends.get(0)?.end();
    await runs[0];
    expect(began).toEqual([0, 1, 2, 3]);
    ends.get(2)?.end();
    ends.get(3)?.end();
    await Promise.all([runs[2], runs[3]]);
    const last = run(4);
    expect(began).toEqual([0, 1, 2, 3, 4]);
    ends.get(4)?.end();
    await last;
  });
});
