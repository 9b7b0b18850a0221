import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@muster/testing';
import type { ReceivedEventData } from '@azure/event-hubs';
import { Sdk } from './sdk.fixture.js';

let sdk: Sdk;

afterEach(async () => {
  await sdk.stop();
});

const bodies = (events: readonly ReceivedEventData[]): unknown[] => events.map(({ body }) => body as unknown);

interface DeviceTwin {
  readonly properties: {
    readonly desired: Readonly<Record<string, unknown>>;
    readonly reported: { update(patch: object, done: (error: Error | null) => void): void };
  };
}

const report = (twin: unknown, patch: object): Promise<void> =>
  new Promise((resolve, reject) => {
    (twin as DeviceTwin).properties.reported.update(patch, (error) => (error ? reject(error) : resolve()));
  });

describe('a twin', () => {
  it.each<[string, object]>([
    ['a point in a key', { 'a.b': 1 }],
    ['a string of 5 KB', { text: 'x'.repeat(5_000) }],
    [
      'more than 32 KB',
      Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`k${index}`, 'x'.repeat(4_000)])),
    ],
  ])('refuses %s, from either end', async (_what, values) => {
    sdk = await Sdk.start();
    sdk.simulator.createDevice('d1');
    await expect(
      sdk.registry().updateTwin('d1', { properties: { desired: values } }, '*'),
    ).rejects.toMatchObject({ name: 'ArgumentError' });
    const device = await sdk.device('d1');
    await expect(report(await device.getTwin(), values)).rejects.toThrow(/properties\.reported/);
    const { responseBody } = await sdk.registry().getTwin('d1');
    expect(responseBody.properties.desired).toMatchObject({ $version: 1 });
  });

  it('is replaced whole, and the device is told what went', async () => {
    sdk = await Sdk.start();
    sdk.simulator.createDevice('d1');
    const registry = sdk.registry();
    await registry.updateTwin('d1', { properties: { desired: { a: 1, b: { c: 2 } } } }, '*');
    const device = await sdk.device('d1');
    const twin = await device.getTwin();
    const patches: unknown[] = [];
    twin.on('properties.desired', (patch: unknown) => patches.push(patch));
    await eventually(() => patches.length === 1);
    const { responseBody } = await registry.getTwin('d1');
    const { _restApiClient } = registry as unknown as {
      readonly _restApiClient: {
        executeApiCall(...args: readonly unknown[]): void;
      };
    };
    await new Promise<void>((resolve, reject) => {
      _restApiClient.executeApiCall(
        'PUT',
        '/twins/d1?api-version=2021-04-12',
        { 'Content-Type': 'application/json', 'If-Match': `"${responseBody.etag}"` },
        { properties: { desired: { b: { d: 3 } } } },
        (error: Error | null) => (error ? reject(error) : resolve()),
      );
    });
    await eventually(() => patches.length === 2);
    const after = await registry.getTwin('d1');
    expect(after.responseBody.properties.desired).toMatchObject({ b: { d: 3 }, $version: 3 });
    expect(after.responseBody.properties.desired).not.toHaveProperty('a');
    expect((twin as unknown as DeviceTwin).properties.desired).not.toHaveProperty('a');
  });

  it('tells nobody who is away; who comes back reads it', async () => {
    sdk = await Sdk.start();
    sdk.simulator.createDevice('d1');
    const registry = sdk.registry();
    await registry.updateTwin('d1', { properties: { desired: { a: 1 } } }, '*');
    await registry.updateTwin('d1', { properties: { desired: { a: 2 } } }, '*');
    const device = await sdk.device('d1');
    const twin = (await device.getTwin()) as unknown as DeviceTwin;
    expect(twin.properties.desired).toEqual({ a: 2, $version: 3 });
  });

  it('takes tags and desired properties in one patch, with when each was set', async () => {
    sdk = await Sdk.start();
    sdk.simulator.createDevice('d1');
    const registry = sdk.registry();
    const { responseBody } = await registry.updateTwin(
      'd1',
      { tags: { house: 'paris' }, properties: { desired: { a: { b: 1 } } } },
      '*',
    );
    expect(responseBody.tags).toEqual({ house: 'paris' });
    const stamp = { $lastUpdated: expect.stringMatching(/^\d{4}-.*\.\d{7}Z$/), $lastUpdatedVersion: 2 };
    expect(responseBody.properties.desired.$metadata).toEqual({ ...stamp, a: { ...stamp, b: stamp } });
  });

  it('makes an event of each change', async () => {
    sdk = await Sdk.start({ routes: ['TwinChangeEvents'], eventHub: { partitions: 1 } });
    sdk.simulator.createDevice('d1');
    const registry = sdk.registry();
    await registry.updateTwin('d1', { properties: { desired: { a: 1, b: null } } }, '*');
    const device = await sdk.device('d1');
    await report(await device.getTwin(), { a: 1 });
    const { events } = sdk.read();
    await eventually(() => events.length === 2);
    expect(bodies(events)).toMatchObject([
      { version: 3, properties: { desired: { a: 1, b: null, $version: 2, $metadata: { a: {} } } } },
      { version: 4, properties: { reported: { a: 1, $version: 2 } } },
    ]);
    expect(events[0]).toMatchObject({
      properties: {
        opType: 'updateTwin',
        deviceId: 'd1',
        'iothub-message-schema': 'twinChangeNotification',
        operationTimestamp: expect.any(String),
      },
      contentType: 'application/json',
    });
  });

  it('makes one event of many changes where that is asked for, with nothing lost', async () => {
    sdk = await Sdk.start({
      routes: ['TwinChangeEvents'],
      eventHub: { partitions: 1 },
      coalesceTwinEventsMs: 300_000,
    });
    sdk.simulator.createDevice('d1');
    const device = await sdk.device('d1');
    const twin = await device.getTwin();
    await report(twin, { a: 1, b: { c: 1 } });
    await report(twin, { a: null });
    await report(twin, { b: { d: 2 } });
    sdk.simulator.advanceTime(300_000);
    const { events } = sdk.read();
    await eventually(() => events.length === 1);
    expect(bodies(events)).toMatchObject([
      { version: 5, properties: { reported: { a: null, b: { c: 1, d: 2 }, $version: 4 } } },
    ]);
  });
});
