import { describe, expect, it } from '@jest/globals';
import { eventually } from './eventually.js';

describe('eventually', () => {
  it('resolves with the first value that is not empty', async () => {
    const answers = [undefined, null, false, 0];
    expect(await eventually(() => answers.shift(), { everyMs: 1 })).toBe(0);
  });

  it('tells what was awaited and the last failure', async () => {
    let tries = 0;
    const attempt = () => {
      tries += 1;
      throw new Error(`try ${tries > 1 ? 'again' : 'first'}`);
    };
    await expect(
      eventually(attempt, { deadlineMs: 30, everyMs: 5, what: 'the device is online' }),
    ).rejects.toThrow('the device is online: not within 30 ms; last: try again');
  });

  it('tells the last real failure when the deadline cuts an attempt off', async () => {
    let tries = 0;
    const attempt = () => {
      tries += 1;
      return tries === 1 ? Promise.reject(new Error('refused')) : new Promise(() => undefined);
    };
    await expect(eventually(attempt, { deadlineMs: 30, everyMs: 1 })).rejects.toThrow('refused');
  });

  it('ends an attempt that never answers', async () => {
    await expect(eventually(() => new Promise(() => undefined), { deadlineMs: 20 })).rejects.toThrow(
      'the attempt did not answer',
    );
  });
});
