import { describe, expect, it } from '@jest/globals';
import { AppError } from '@muster/contracts';
import { createLogger } from '@muster/observability';
import { eventually } from '@muster/testing';
import { OfferQueue } from './offer-queue.js';
import type { PushTarget } from './wire.js';

const logger = createLogger({ service: 'test', level: 'silent' });
const target = (deviceId: string, ...channels: string[]): PushTarget => ({
  tenantId: 'default',
  deviceId,
  ...(channels.length === 0 ? {} : { channels }),
});
const away = () => new AppError('unavailable', 'away');

const scene = (
  push: (targets: readonly PushTarget[]) => Promise<void> = async () => undefined,
  againMs = [1, 2, 5, 20],
) => {
  const offered: (readonly PushTarget[])[] = [];
  const queue = new OfferQueue(
    async (targets) => {
      await push(targets);
      offered.push(targets);
    },
    'spec',
    logger,
    againMs,
  );
  return { offered, queue };
};

describe('devices that have become reachable', () => {
  it('are offered together, each once, with all places where they are reachable', async () => {
    const { offered, queue } = scene();
    await Promise.all([
      queue.add(target('d1', 'a')),
      queue.add(target('d2')),
      queue.add(target('d1', 'b', 'a')),
    ]);
    expect(offered).toEqual([[target('d1', 'a', 'b'), target('d2')]]);
  });

  it('as two versions are two, one after the other', async () => {
    const { offered, queue } = scene();
    const as = (appVersion: string) => ({ ...target('d1', appVersion), appVersion });
    await Promise.all([queue.add(as('v1')), queue.add(as('v2')), queue.add(target('d2'))]);
    expect(offered).toEqual([[as('v1'), target('d2')], [as('v2')]]);
  });

  it('are reachable since the later of two times, and nobody knows since when where one is not known', async () => {
    const [early, late] = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:01.000Z'];
    const { offered, queue } = scene();
    const since = (deviceId: string, reachableAt: string) => ({ ...target(deviceId, 'a'), reachableAt });
    await Promise.all([
      ...[since('d1', late), since('d1', early)].map((one) => queue.add(one)),
      ...[since('d2', late), target('d2', 'a')].map((one) => queue.add(one)),
    ]);
    expect(offered.flat().map(({ reachableAt }) => reachableAt)).toEqual([late, undefined]);
  });

  it('are reachable everywhere when that was said once', async () => {
    const { offered, queue } = scene();
    await Promise.all([queue.add(target('d1', 'a')), queue.add(target('d1'))]);
    expect(offered.flat().map(({ channels }) => channels)).toEqual([undefined]);
  });

  it('of two tenants are two, also with one id', async () => {
    const { offered, queue } = scene();
    await Promise.all([queue.add(target('d1')), queue.add({ ...target('d1'), tenantId: 'other' })]);
    expect(offered.flat()).toHaveLength(2);
  });

  it('are offered again when a service was away, and only then done', async () => {
    let tries = 0;
    const { offered, queue } = scene(async () => {
      tries += 1;
      if (tries === 1) throw away();
    });
    await queue.add(target('d1'));
    expect([tries, offered.length]).toEqual([2, 1]);
  });

  it('are not waited for when a service is away for long, and offered when it is back', async () => {
    let isAway = true;
    const { offered, queue } = scene(async () => {
      if (isAway) throw away();
    });
    await queue.add(target('d1'));
    isAway = false;
    await eventually(() => offered.length === 1);
  });

  it('are not offered again after the stop, and nothing waits for that', async () => {
    let tries = 0;
    const { queue } = scene(async () => {
      tries += 1;
      throw away();
    }, [1, 60_000]); // a pause that went on would be left open by this file
    await queue.add(target('d1'));
    queue.stop();
    expect(tries).toBe(2);
  });

  it('do not keep each other from what is due when one of them fails for a reason that does not pass', async () => {
    const { offered, queue } = scene(async (targets) => {
      if (targets.some(({ deviceId }) => deviceId === 'bad')) throw new Error('a bug');
    });
    await Promise.all(['d1', 'bad', 'd2'].map((id) => queue.add(target(id))));
    expect(offered.flat().map(({ deviceId }) => deviceId)).toEqual(['d1', 'd2']);
  });
});
