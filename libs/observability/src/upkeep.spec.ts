import { afterEach, describe, expect, it } from '@jest/globals';
import { createLogger } from './logger.js';
import { startUpkeep, type Upkeep, type UpkeepOptions } from './upkeep.js';

const logger = createLogger({ service: 'spec', level: 'silent' });
const HOUR = 3_600_000;
let upkeep: Upkeep | undefined;
afterEach(() => upkeep?.stop());
const start = (options: Pick<UpkeepOptions, 'round'> & Partial<UpkeepOptions>): Upkeep => {
  upkeep = startUpkeep({ what: 'the garden', everyMs: HOUR, logger, ...options });
  return upkeep;
};

describe('startUpkeep', () => {
  it('begins at once, and goes on without waiting while there is more', async () => {
    let rows = 7;
    await new Promise<void>((resolve) => {
      start({
        round: () => {
          rows -= 1;
          if (rows === 0) resolve();
          return Promise.resolve(rows > 0);
        },
      });
    });
    expect(rows).toBe(0);
  });

  it('does another round after each interval', async () => {
    let rounds = 0;
    await new Promise<void>((resolve) => {
      start({
        everyMs: 1,
        round: () => {
          rounds += 1;
          if (rounds === 3) resolve();
          return Promise.resolve(false);
        },
      });
    });
  });

  it('survives a round that fails, and is unwell only while it goes on failing', async () => {
    let broken = true;
    const tried = (): Promise<void> =>
      new Promise((resolve) => {
        told = resolve;
      });
    let told = (): void => undefined;
    const running = start({
      everyMs: 1,
      unwellAfterMs: -1,
      round: () => {
        // In the next turn, when the outcome of this one is known.
        setImmediate(told);
        return broken ? Promise.reject(new Error('no water')) : Promise.resolve(false);
      },
    });
    await tried();
    expect(() => running.check()).toThrow('the garden fails: no water');
    broken = false;
    await tried();
    await tried();
    expect(() => running.check()).not.toThrow();
  });

  it('is well when it failed a moment ago', async () => {
    await new Promise<void>((resolve) => {
      start({
        everyMs: 1,
        round: () => {
          setImmediate(resolve);
          return Promise.reject(new Error('no water'));
        },
      });
    });
    expect(() => upkeep?.check()).not.toThrow();
  });

  it('finishes the round in hand when it is stopped, and begins no other', async () => {
    let rounds = 0;
    let finish: (more: boolean) => void = () => undefined;
    const running = start({
      round: () => {
        rounds += 1;
        return new Promise((resolve) => {
          finish = resolve;
        });
      },
    });
    const stopped = running.stop();
    finish(true);
    await stopped;
    expect(rounds).toBe(1);
  });
});
