import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@muster/observability';
import { whileRunning } from './while-running.js';

const logger = createLogger({ service: 'spec', level: 'silent' });

describe('work that asks other services', () => {
  it('says whether there is more, and that there is none when it fails', async () => {
    const { signal } = new AbortController();
    expect(await whileRunning('work', logger, () => Promise.resolve(true))(signal)).toBe(true);
    expect(await whileRunning('work', logger, () => Promise.reject(new Error('away')))(signal)).toBe(false);
  });

  it('ends at once when the service stops', async () => {
    const stopping = new AbortController();
    const round = whileRunning('work', logger, () => new Promise<boolean>(() => undefined))(stopping.signal);
    stopping.abort();
    expect(await round).toBe(false);
  });

  it('leaves nothing at the signal, however many rounds there are', async () => {
    const { signal } = new AbortController();
    const round = whileRunning('work', logger, () => Promise.resolve(false));
    for (let n = 0; n < 20; n += 1) await round(signal);
    expect(getEventListeners(signal, 'abort')).toHaveLength(0);
  });
});
