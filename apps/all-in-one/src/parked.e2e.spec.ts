import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { deviceProvisioned } from '@muster/contracts/device-registry/published';
import { connectBus } from '@muster/messaging';
import { createLogger } from '@muster/observability';
import { eventually, startPlatform, type Platform } from '@muster/testing';

/** The whole platform over REST: an event that nobody can read, seen and decided on by an operator. */
let platform: Platform;

interface Parked {
  readonly id: string;
  readonly state: string;
  readonly consumer: string;
}

const list = async (filter: string): Promise<readonly Parked[]> => {
  const { status, body } = await platform.api('GET', `/parked?filter=${encodeURIComponent(filter)}`);
  expect(status).toBe(200);
  return (body as { items: readonly Parked[] }).items;
};

beforeAll(async () => {
  // A server without accounts, so that a spec may say what a service would.
  platform = await startPlatform(
    {},
    { busOf: ({ url }) => Promise.resolve({ url, stop: () => Promise.resolve() }) },
  );
}, 90_000);

afterAll(async () => {
  await platform.stop();
});

describe('what could not be processed', () => {
  it('is listed with its content, fails again with its reason, and is gone when it is dropped', async () => {
    const logger = createLogger({ service: 'spec', level: 'silent' });
    const bus = await connectBus({ url: platform.nats.url, name: 'spec', logger });
    await bus.publish(deviceProvisioned, {
      tenantId: 'default',
      entityId: 'd1',
      id: 'unreadable',
      time: new Date().toISOString(),
      data: { name: 7 } as never,
    });
    await bus.close();
    // Every service that follows devices has its own.
    const parked = await eventually(
      async () => {
        const found = await list('state==open');
        return found.length > 1 && found;
      },
      { what: 'it is parked', deadlineMs: 30_000 },
    );
    const [{ id } = { id: '' }] = parked;
    expect((await platform.api('GET', `/parked/${id}`)).body).toMatchObject({
      id,
      state: 'open',
      stream: 'EVENTS_DEVICE_REGISTRY',
      subject: 'muster.v1.event.device-registry.default.device.provisioned.d1',
      reason: expect.stringContaining('it breaks the rules of io.muster.device.provisioned.v1'),
      tries: 1,
      payload: { encoding: 'json', content: '{"name":7}', truncated: false },
    });
    expect(await platform.api('POST', `/parked/${id}/replay`)).toMatchObject({
      status: 200,
      body: { state: 'open', code: 'invalid-payload', tries: 2 },
    });
    expect(await platform.api('POST', '/parked/replay', { filter: `code==invalid-payload` })).toMatchObject({
      status: 200,
      body: { replayed: 0, failures: [{ id, code: 'invalid-payload' }], nextCursor: null },
    });
    for (const one of parked) expect((await platform.api('DELETE', `/parked/${one.id}`)).status).toBe(204);
    expect(await list('state==open')).toEqual([]);
    expect((await platform.api('GET', `/parked/${id}`)).body).toMatchObject({
      state: 'dropped',
      decidedBy: { kind: 'api-key', id: 'local-admin' },
    });
    expect(await platform.api('GET', '/parked/nothing')).toMatchObject({
      status: 404,
      body: { code: 'parked-message-not-found' },
    });
    expect(await platform.api('GET', '/parked?filter=colour==red')).toMatchObject({
      status: 400,
      body: { code: 'invalid-filter' },
    });
  }, 60_000);
});
