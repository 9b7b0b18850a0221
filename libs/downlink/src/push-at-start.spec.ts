import { expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { createLogger } from '@muster/observability';
import { pushAtStart } from './push-at-start.js';

const logger = createLogger({ service: 'test', level: 'silent' });
const devices = Array.from({ length: 1_200 }, (_, n) => ({ tenantId: 'default', deviceId: `d${n}` }));

it('asks for every device once, page by page, and for a page again when a service was away', async () => {
  const asked: string[] = [];
  let faults = 2;
  await pushAtStart({
    directory: { devices: () => devices },
    pusher: {
      push: async (targets, reason) => {
        expect(reason).toBe('changed');
        faults -= 1;
        if (faults === 0) throw new AppError('unavailable', 'away');
        expect(targets[0]?.reachableAt).toBe('2026-01-01T00:00:00.000Z');
        asked.push(...targets.map(({ deviceId }) => deviceId));
      },
    },
    since: '2026-01-01T00:00:00.000Z',
    logger,
    signal: new AbortController().signal,
    againMs: 1,
  });
  expect(asked).toEqual(devices.map(({ deviceId }) => deviceId));
});

it('ends with the process', async () => {
  const stopping = new AbortController();
  await pushAtStart({
    directory: { devices: () => devices },
    pusher: {
      push: async () => {
        stopping.abort();
        throw new AppError('unavailable', 'away');
      },
    },
    since: '2026-01-01T00:00:00.000Z',
    logger,
    signal: stopping.signal,
  });
  expect(stopping.signal.aborted).toBe(true);
});
