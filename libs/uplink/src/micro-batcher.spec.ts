import { afterEach, describe, expect, it } from '@jest/globals';
import { AppError, type ItemOutcome } from '@muster/contracts';
import { createLogger } from '@muster/observability';
import { eventually } from '@muster/testing';
import {
  Abandoned,
  MicroBatcher,
  Unprocessable,
  type MicroBatcherOptions,
  type Waiter,
} from './micro-batcher.js';

const logger = createLogger({ service: 'test', level: 'silent' });
const wanted: Waiter = { isWanted: () => true, whenAway: 'wait' };
/** Somebody holds a connection open for the answer. */
const asking: Waiter = { isWanted: () => true, whenAway: 'refuse' };

const made: MicroBatcher<string>[] = [];
// A batcher that is never answered tries for ever, also after its test has failed.
afterEach(() => {
  for (const batcher of made.splice(0)) batcher.stop();
});

const batcherOf = (change: Partial<MicroBatcherOptions<string>>) => {
  const sent: string[][] = [];
  const { send = async (items: string[]) => items.map(() => ({})) } = change;
  const batcher = new MicroBatcher<string>({
    name: 'service',
    logger,
    lanes: 1,
    maxItems: 10,
    maxBytes: 1_000,
    maxWaitMs: 5,
    setAsideAfterMs: 60_000,
    setLateAsideAfterMs: 60_000,
    ping: () => Promise.reject(new AppError('unavailable', 'away')),
    backoffMs: [1],
    ...change,
    send: (items) => {
      sent.push([...items]);
      return send(items);
    },
  });
  made.push(batcher);
  return { sent, batcher };
};

describe('a batch', () => {
  it('is sent when it is full, or when its first item has waited long enough', async () => {
    const { sent, batcher } = batcherOf({ maxItems: 2 });
    await Promise.all(['a', 'b', 'c'].map((item) => batcher.add('key', item, 1, wanted)));
    expect(sent).toEqual([['a', 'b'], ['c']]);
  });

  it('is no larger than its bytes, but for a single item', async () => {
    const { sent, batcher } = batcherOf({ maxBytes: 100 });
    await Promise.all([
      batcher.add('key', 'a', 60, wanted),
      batcher.add('key', 'b', 60, wanted),
      batcher.add('key', 'c', 500, wanted),
    ]);
    expect(sent).toEqual([['a'], ['b'], ['c']]);
  });

  it('gives each item its own outcome', async () => {
    const { batcher } = batcherOf({
      send: async (items) =>
        items.map((item): ItemOutcome => (item === 'old' ? { code: 'sample-time-out-of-range' } : {})),
    });
    const outcomes = await Promise.all(['a', 'old', 'b'].map((item) => batcher.add('key', item, 1, wanted)));
    expect(outcomes).toEqual([{}, { code: 'sample-time-out-of-range' }, {}]);
  });

  it('waits while the one before it is under way, so that a device keeps its order', async () => {
    let running = 0;
    const { sent, batcher } = batcherOf({
      maxItems: 1,
      send: async (items) => {
        running += 1;
        expect(running).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        return items.map(() => ({}));
      },
    });
    await Promise.all(['a', 'b', 'c'].map((item) => batcher.add('key', item, 1, wanted)));
    expect(sent.flat()).toEqual(['a', 'b', 'c']);
  });

  it('of another lane goes on meanwhile', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const { sent, batcher } = batcherOf({
      lanes: 8,
      send: async (items) => {
        if (items.includes('slow')) await held;
        return items.map(() => ({}));
      },
    });
    const slow = batcher.add('device-1', 'slow', 1, wanted);
    // Some of these keys fall into other lanes than the first.
    await Promise.any(['p', 'q', 'r', 's', 't'].map((key) => batcher.add(key, key, 1, wanted)));
    expect(sent.length).toBeGreaterThan(1);
    release();
    await slow;
  });
});

describe('a service that is away', () => {
  it.each(['unavailable', 'deadline-exceeded'] as const)(
    'is asked again (%s), and gets everything in order',
    async (code) => {
      let away = true;
      const { sent, batcher } = batcherOf({
        send: async (items) => {
          if (away) throw new AppError(code, 'away');
          return items.map(() => ({}));
        },
      });
      const outcomes = Promise.all(['a', 'b'].map((item) => batcher.add('key', item, 1, wanted)));
      await eventually(() => batcher.isFailing() && sent.length > 3);
      expect(() => batcher.check()).toThrow(code);
      away = false;
      expect(await outcomes).toEqual([{}, {}]);
      expect(sent[0]).toEqual(['a', 'b']);
      for (const batch of sent.slice(1, -1)) expect(batch).toEqual(['a']);
      expect(sent.at(-1)).toEqual(['b']);
      batcher.check();
    },
  );

  it('gets nothing new where messages are refused, while one batch finds out whether it is back', async () => {
    let away = true;
    const { batcher } = batcherOf({
      send: async (items) => {
        if (away) throw new AppError('unavailable', 'away');
        return items.map(() => ({}));
      },
    });
    const first = batcher.add('key', 'a', 1, asking);
    await eventually(() => batcher.isFailing());
    await expect(batcher.add('key', 'b', 1, asking)).rejects.toMatchObject({
      code: 'unavailable',
      retryAfterSeconds: 5,
    });
    away = false;
    await first;
    await expect(batcher.add('key', 'c', 1, asking)).resolves.toEqual({});
  });

  it('is asked by the next message when nobody wants the one that found out', async () => {
    let away = true;
    let isWanted = true;
    const { batcher } = batcherOf({
      send: async (items) => {
        if (away) throw new AppError('unavailable', 'away');
        return items.map(() => ({}));
      },
    });
    const first = batcher.add('key', 'a', 1, { isWanted: () => isWanted, whenAway: 'refuse' });
    await eventually(() => batcher.isFailing());
    isWanted = false;
    await expect(first).rejects.toBeInstanceOf(Abandoned);
    away = false;
    await expect(
      eventually(() => batcher.add('key', 'b', 1, asking).then((outcome) => outcome.code === undefined)),
    ).resolves.toBe(true);
  });

  it('gets what came meanwhile after what waited', async () => {
    let away = true;
    const { sent, batcher } = batcherOf({
      maxItems: 2,
      send: async (items) => {
        if (away) throw new AppError('unavailable', 'away');
        return items.map(() => ({}));
      },
    });
    const waiting = Promise.all(['a', 'b'].map((item) => batcher.add('key', item, 1, wanted)));
    await eventually(() => batcher.isFailing());
    const later = Promise.all(['c', 'd'].map((item) => batcher.add('key', item, 1, wanted)));
    const before = sent.length;
    await eventually(() => sent.length > before + 3);
    expect(sent.every(([first]) => first === 'a')).toBe(true);
    away = false;
    await Promise.all([waiting, later]);
    expect(sent.flat().slice(sent.flat().indexOf('b', 2))).toEqual(['b', 'c', 'd']);
  });

  it('gets only those items again that it did not take', async () => {
    let tries = 0;
    const { sent, batcher } = batcherOf({
      send: async (items) => {
        tries += 1;
        return items.map((item) => (item === 'b' && tries === 1 ? { code: 'unavailable' } : {}));
      },
    });
    await Promise.all(['a', 'b', 'c'].map((item) => batcher.add('key', item, 1, wanted)));
    expect(sent).toEqual([['a', 'b', 'c'], ['b']]);
  });

  it('that fails everything makes nobody give up', async () => {
    let broken = true;
    const { batcher, sent } = batcherOf({
      send: async (items) => {
        if (broken) throw new AppError('internal', 'a bug');
        return items.map(() => ({}));
      },
    });
    const outcomes = Promise.all(['a', 'b', 'c'].map((item) => batcher.add('key', item, 1, wanted)));
    await eventually(() => sent.length > 10, { what: 'it is tried again and again' });
    broken = false;
    expect(await outcomes).toEqual([{}, {}, {}]);
  });
});

describe('an item that fails where others succeed', () => {
  const poisoned = () =>
    batcherOf({
      send: async (items) => {
        if (items.includes('poison')) throw new AppError('internal', 'a bug');
        return items.map(() => ({}));
      },
    });

  it('is found and given up; the others of its batch are done', async () => {
    const { batcher } = poisoned();
    const outcomes = await Promise.allSettled(
      ['a', 'poison', 'b', 'c'].map((item) => batcher.add('key', item, 1, wanted)),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({ reason: expect.any(Unprocessable) });
  });

  it('alone is kept until something else has succeeded', async () => {
    const { sent, batcher } = poisoned();
    const poison = batcher.add('key', 'poison', 1, wanted);
    poison.catch(() => undefined);
    await eventually(() => sent.length > 5);
    await batcher.add('other', 'good', 1, wanted);
    await expect(poison).rejects.toThrow(Unprocessable);
  });

  it('by its own outcome is given up as well, after another try', async () => {
    const { sent, batcher } = batcherOf({
      send: async (items) =>
        items.map((item) => (item === 'poison' ? { code: 'internal', detail: 'a bug' } : {})),
    });
    const poison = batcher.add('key', 'poison', 1, wanted);
    poison.catch(() => undefined);
    await eventually(() => sent.length > 2);
    await batcher.add('key', 'good', 1, wanted);
    await expect(poison).rejects.toThrow('internal: a bug');
  });

  it('that is too large even alone is refused, the others are not', async () => {
    const { batcher } = batcherOf({
      send: async (items) => {
        if (items.includes('huge')) throw new AppError('payload-too-large', 'a request of 2 MB');
        return items.map(() => ({}));
      },
    });
    const outcomes = await Promise.all(['a', 'huge', 'b'].map((item) => batcher.add('key', item, 1, wanted)));
    expect(outcomes).toEqual([{}, expect.objectContaining({ code: 'payload-too-large' }), {}]);
  });
});

describe('an item that fails although nothing else is there to succeed', () => {
  it('is given up after a while, with its reason', async () => {
    const { batcher } = batcherOf({
      setAsideAfterMs: 20,
      send: async () => {
        throw new AppError('internal', 'a bug');
      },
    });
    await expect(batcher.add('key', 'poison', 1, wanted)).rejects.toThrow('internal: a bug');
  });

  it.each(['unavailable', 'deadline-exceeded', 'storage-full'] as const)(
    'is never given up for %s, which passes',
    async (code) => {
      let away = true;
      const { sent, batcher } = batcherOf({
        setAsideAfterMs: 0,
        send: async (items) => {
          if (away) throw new AppError(code, 'not now');
          return items.map(() => ({}));
        },
      });
      const outcome = batcher.add('key', 'a', 1, wanted);
      await eventually(() => sent.length > 5);
      away = false;
      expect(await outcome).toEqual({});
    },
  );

  it('is not given up because its service was away for long after it had failed once', async () => {
    const faults = [new AppError('internal', 'a bug'), new AppError('unavailable', 'away')];
    const { sent, batcher } = batcherOf({
      setAsideAfterMs: 40,
      backoffMs: [50],
      send: async (items) => {
        const fault = faults[sent.length - 1] ?? (sent.length === 3 ? faults[0] : undefined);
        if (fault !== undefined) throw fault;
        return items.map(() => ({}));
      },
    });
    expect(await batcher.add('key', 'a', 1, wanted)).toEqual({});
  });
});

describe('an item that its service fails on for its own sake', () => {
  const poisoned = (change: Partial<MicroBatcherOptions<string>> = {}) =>
    batcherOf({
      send: async (items) => {
        if (items.includes('poison')) throw new AppError('internal', 'a bug');
        return items.map(() => ({}));
      },
      ...change,
    });

  it('does not make the service look away: others are taken while it is tried', async () => {
    const { sent, batcher } = poisoned({ lanes: 8, backoffMs: [20] });
    const poison = batcher.add('key', 'poison', 1, asking);
    poison.catch(() => undefined);
    await eventually(() => sent.length > 0);
    expect(batcher.isFailing()).toBe(false);
    batcher.check();
    await expect(batcher.add('other', 'good', 1, asking)).resolves.toEqual({});
  });

  it('is given up after the second failure where somebody waits for the answer', async () => {
    const { sent, batcher } = poisoned();
    await expect(batcher.add('key', 'poison', 1, asking)).rejects.toBeInstanceOf(Unprocessable);
    expect(sent).toEqual([['poison'], ['poison']]);
    expect(batcher.isFailing()).toBe(false);
  });

  it('shows that a service that was away is back', async () => {
    let away = true;
    const { sent, batcher } = batcherOf({
      send: async () => {
        throw away ? new AppError('unavailable', 'away') : new AppError('internal', 'a bug');
      },
    });
    const poison = batcher.add('key', 'poison', 1, wanted);
    poison.catch(() => undefined);
    await eventually(() => batcher.isFailing());
    away = false;
    const before = sent.length;
    await eventually(() => sent.length > before + 2);
    expect(batcher.isFailing()).toBe(false);
  });
});

describe('an item that makes its service late', () => {
  /** Whoever asks for it does not get an answer; `away`: nobody does. */
  const late = (change: Partial<MicroBatcherOptions<string>> = {}) => {
    const world = { away: false };
    const timeout = () => Promise.reject(new AppError('deadline-exceeded', 'no answer within 10 ms'));
    const scene = batcherOf({
      setLateAsideAfterMs: 0,
      send: async (items) => (world.away || items.includes('poison') ? timeout() : items.map(() => ({}))),
      ping: () => (world.away ? timeout() : Promise.resolve()),
      ...change,
    });
    return { world, ...scene };
  };

  it('is found among others, which are done meanwhile, and given up with its reason after some tries', async () => {
    const { sent, batcher } = late({ maxItems: 100 });
    const items = Array.from({ length: 100 }, (_, n) => (n === 40 ? 'poison' : `item ${n}`));
    const outcomes = await Promise.allSettled(items.map((item) => batcher.add(item, item, 1, wanted)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(99);
    expect(outcomes[40]).toMatchObject({
      reason: expect.any(Unprocessable),
    });
    expect(String(Reflect.get(outcomes[40] ?? {}, 'reason'))).toMatch(
      /deadline-exceeded: no answer within 10 ms Tried 3 times in 0 s, while its service answered others\.$/,
    );
    expect(sent.filter((batch) => batch.join() === 'poison').length).toBeGreaterThanOrEqual(3);
  });

  it('holds up nobody but its own device, whose order is kept', async () => {
    const { sent, batcher } = late({ setLateAsideAfterMs: 60_000, maxItems: 1 });
    const poison = batcher.add('bad', 'poison', 1, wanted);
    poison.catch(() => undefined);
    const behind = batcher.add('bad', 'behind', 1, wanted);
    behind.catch(() => undefined);
    for (const n of [1, 2, 3, 4, 5]) await batcher.add('good', `item ${n}`, 1, wanted);
    expect(sent.flat()).not.toContain('behind');
    expect(batcher.isFailing()).toBe(false);
  });

  it('is given up as well when its device is the only one, because its service answers a small question', async () => {
    const { batcher } = late();
    const poison = batcher.add('key', 'poison', 1, wanted);
    const behind = batcher.add('key', 'behind', 1, wanted);
    await expect(poison).rejects.toBeInstanceOf(Unprocessable);
    await expect(behind).resolves.toEqual({});
    expect(batcher.isFailing()).toBe(false);
  });

  it('is kept for as long as is configured', async () => {
    const { sent, batcher } = late({ setLateAsideAfterMs: 100 });
    const began = Date.now();
    await expect(batcher.add('key', 'poison', 1, wanted)).rejects.toBeInstanceOf(Unprocessable);
    expect(Date.now() - began).toBeGreaterThanOrEqual(100);
    expect(sent.length).toBeGreaterThan(3);
  });

  it('is not mixed up with a service that answers nobody: nothing is given up, however long that takes', async () => {
    const { world, sent, batcher } = late({ lanes: 2 });
    world.away = true;
    const items = Array.from({ length: 30 }, (_, n) => `item ${n}`);
    const outcomes = Promise.all(items.map((item) => batcher.add(item, item, 1, wanted)));
    await eventually(() => sent.length > 300);
    expect(batcher.isFailing()).toBe(true);
    world.away = false;
    expect(await outcomes).toEqual(items.map(() => ({})));
  });

  it('is not mixed up with one of many that are not answered, though the service answers small questions', async () => {
    let stuck = true;
    const { sent, batcher } = late({
      send: async (items) => {
        if (stuck) throw new AppError('unavailable', 'a table is locked');
        return items.map(() => ({}));
      },
    });
    const outcomes = Promise.all(['a', 'b', 'c'].map((item) => batcher.add(item, item, 1, wanted)));
    await eventually(() => sent.length > 50);
    stuck = false;
    expect(await outcomes).toEqual([{}, {}, {}]);
  });

  it('counts from when its service was seen again, not from before it was away', async () => {
    let triesLeft = Number.POSITIVE_INFINITY;
    const { world, sent, batcher } = late({
      setLateAsideAfterMs: 100,
      send: async (items) => {
        triesLeft -= 1;
        if (world.away || triesLeft >= 0) throw new AppError('deadline-exceeded', 'no answer');
        return items.map(() => ({}));
      },
    });
    const outcome = batcher.add('key', 'slow', 1, wanted);
    outcome.catch(() => undefined);
    await eventually(() => sent.length >= 2);
    world.away = true;
    const until = Date.now() + 150;
    await eventually(() => Date.now() > until);
    // One more failure of its own, which is the first since.
    triesLeft = 1;
    world.away = false;
    expect(await outcome).toEqual({});
  });

  it('by its own outcome is given up as well; what waits behind it in the same request is not', async () => {
    const { sent, batcher } = late({
      send: async (items) => {
        // Never alone in its lane.
        if (sent.length < 100) batcher.add('good', 'good', 1, wanted).catch(() => undefined);
        return items.map((item, index) =>
          item === 'poison' || (item === 'behind' && items[index - 1] === 'poison')
            ? { code: 'deadline-exceeded', detail: 'no answer' }
            : {},
        );
      },
    });
    const good = batcher.add('good', 'good', 1, wanted);
    const poison = batcher.add('bad', 'poison', 1, wanted);
    const behind = batcher.add('bad', 'behind', 1, wanted);
    await expect(good).resolves.toEqual({});
    await expect(poison).rejects.toBeInstanceOf(Unprocessable);
    expect(sent.length).toBeLessThan(100);
    await expect(behind).resolves.toEqual({});
  });
});

describe('a service that was away when nobody wants anything of it any more', () => {
  it('is not said to be failing', async () => {
    let isWanted = true;
    const { batcher } = batcherOf({
      send: async () => {
        throw new AppError('unavailable', 'away');
      },
    });
    const only = batcher.add('key', 'a', 1, { isWanted: () => isWanted, whenAway: 'refuse' });
    await eventually(() => batcher.isFailing());
    isWanted = false;
    await expect(only).rejects.toBeInstanceOf(Abandoned);
    await eventually(() => !batcher.isFailing());
    batcher.check();
  });
});

describe('the order of a device', () => {
  it('is kept when the first half of a halved batch finds the service away: the second is not sent before it', async () => {
    const stored: string[] = [];
    let tries = 0;
    const { sent, batcher } = batcherOf({
      send: async (items) => {
        tries += 1;
        if (tries === 1) throw new AppError('internal', 'a bug');
        if (tries === 2) throw new AppError('deadline-exceeded', 'frozen');
        stored.push(...items);
        return items.map(() => ({}));
      },
    });
    // Of different devices: those of one are held back anyway behind what is to be tried again.
    await Promise.all(['1', '2', '3', '4'].map((item) => batcher.add(`device ${item}`, item, 1, wanted)));
    expect(sent).toEqual([['1', '2', '3', '4'], ['1', '2'], ['1'], ['2', '3', '4']]);
    expect(stored).toEqual(['1', '2', '3', '4']);
  });

  it('is kept behind an item that fails alone; other devices go on', async () => {
    const stored: string[] = [];
    const { batcher } = batcherOf({
      send: async (items) => {
        if (items.includes('poison')) throw new AppError('internal', 'a bug');
        stored.push(...items);
        return items.map(() => ({}));
      },
    });
    const outcomes = await Promise.allSettled([
      batcher.add('a', 'a1', 1, wanted),
      batcher.add('b', 'poison', 1, wanted),
      batcher.add('b', 'b2', 1, wanted),
      batcher.add('a', 'a2', 1, wanted),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    // b2 was not sent until its device's earlier item had an outcome.
    expect(stored).toEqual(['a1', 'a2', 'b2']);
  });
});

describe('what the broker delivers again anyway', () => {
  it('is not sent', async () => {
    const { sent, batcher } = batcherOf({});
    const gone = batcher.add('key', 'gone', 1, { ...wanted, isWanted: () => false });
    gone.catch(() => undefined);
    await batcher.add('key', 'here', 1, wanted);
    await expect(gone).rejects.toThrow(Abandoned);
    expect(sent).toEqual([['here']]);
  });

  it('is given up at the end', async () => {
    const { batcher } = batcherOf({
      backoffMs: [10_000],
      send: async () => {
        throw new AppError('unavailable', 'away');
      },
    });
    const waiting = batcher.add('key', 'a', 1, wanted);
    waiting.catch(() => undefined);
    await eventually(() => batcher.isFailing());
    batcher.stop();
    await expect(waiting).rejects.toThrow(Abandoned);
    await expect(batcher.add('key', 'b', 1, wanted)).rejects.toThrow(Abandoned);
  });
});
