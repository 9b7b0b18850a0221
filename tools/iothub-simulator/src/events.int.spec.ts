import { afterEach, describe, expect, it } from '@jest/globals';
import { eventually } from '@muster/testing';
import { latestEventPosition, type EventHubConsumerClient, type ReceivedEventData } from '@azure/event-hubs';
import iotDevice from 'azure-iot-device';
import { deviceOf, Sdk, sourceOf } from './sdk.fixture.js';

let sdk: Sdk;

afterEach(async () => {
  await sdk.stop();
});

const sending = async (deviceId = 'd1'): Promise<(text: string) => Promise<void>> => {
  sdk.simulator.createDevice(deviceId);
  const device = await sdk.device(deviceId);
  return async (text) => {
    await device.sendEvent(new iotDevice.Message(JSON.stringify(text)));
  };
};

/** The client does not tell by which of its connections it reads. */
const connectionOf = (client: EventHubConsumerClient): string =>
  (client as unknown as { readonly _context: { readonly connectionId: string } })._context.connectionId;

describe('the built-in endpoint, read by the Event Hubs SDK', () => {
  it('says what it is, and how far its partitions are', async () => {
    sdk = await Sdk.start({ eventHub: { partitions: 2, name: 'my-hub' } });
    const send = await sending();
    await send('one');
    await send('two');
    const consumer = sdk.consumer();
    expect(await consumer.getEventHubProperties()).toMatchObject({
      name: 'my-hub',
      partitionIds: ['0', '1'],
    });
    const all = await Promise.all(['0', '1'].map((id) => consumer.getPartitionProperties(id)));
    const [full] = all.filter(({ isEmpty }) => !isEmpty);
    const [empty] = all.filter(({ isEmpty }) => isEmpty);
    expect(full).toMatchObject({ beginningSequenceNumber: 0, lastEnqueuedSequenceNumber: 1 });
    expect(empty).toMatchObject({ lastEnqueuedSequenceNumber: -1 });
  });

  it('gives the events of a device in order, none twice, and goes on from a checkpoint', async () => {
    sdk = await Sdk.start({ eventHub: { partitions: 1 } });
    const send = await sending();
    const texts = Array.from({ length: 250 }, (_, index) => `${index}`);
    for (const text of texts) await send(text);
    const { events } = sdk.read(sdk.consumer(), { maxBatchSize: 100 });
    await eventually(() => events.length >= 250);
    expect(events.map(({ body }) => body as unknown)).toEqual(texts);
    const [, second] = events;
    const again = sdk.read(sdk.consumer(), { startPosition: { offset: second?.offset ?? '' } });
    await eventually(() => again.events.length >= 248, { deadlineMs: 10_000 });
    expect(again.events[0]?.sequenceNumber).toBe(2);
    const later = sdk.read(sdk.consumer(), { startPosition: latestEventPosition }, '0');
    await eventually(async () => {
      await send('late');
      return later.events.length > 0;
    });
    expect(later.events[0]?.body).toBe('late');
  });

  it('has consumer groups, and none that nobody made', async () => {
    sdk = await Sdk.start({ eventHub: { partitions: 1, consumerGroups: ['muster'] } });
    const send = await sending();
    await send('one');
    const mine = sdk.read(sdk.consumer('muster'), {}, '0');
    await eventually(() => mine.events.length === 1);
    const nobodys = sdk.read(sdk.consumer('nobodys'), {}, '0');
    await eventually(() => nobodys.errors.length > 0);
    expect(nobodys.errors[0]?.code).toBe('MessagingEntityNotFoundError');
    sdk.simulator.addConsumerGroup('nobodys');
    const found = sdk.read(sdk.consumer('nobodys'), {}, '0');
    await eventually(() => found.events.length === 1);
  });

  it('is closed to a policy without the right, and to a revoked key', async () => {
    sdk = await Sdk.start();
    const refused = sdk.consumer('$Default', 'registryRead');
    await expect(refused.getPartitionIds({})).rejects.toThrow();
    const revoked = sdk.consumer();
    sdk.simulator.regenerateKey('service');
    await expect(revoked.getPartitionIds({})).rejects.toThrow();
  });

  it('lets five read a partition in one consumer group, and not a sixth', async () => {
    sdk = await Sdk.start({ eventHub: { partitions: 1, consumerGroups: ['other'] } });
    const send = await sending();
    const five = Array.from({ length: 5 }, () => sdk.read(sdk.consumer(), {}, '0'));
    await send('one');
    await eventually(() => five.every(({ events }) => events.length === 1));
    const sixth = sdk.read(sdk.consumer(), {}, '0');
    await eventually(() => sixth.errors.length > 0);
    expect(sixth.events).toEqual([]);
    const elsewhere = sdk.read(sdk.consumer('other'), {}, '0');
    await eventually(() => elsewhere.events.length === 1);
  });

  it('lets a reader with a higher or the same epoch take a partition, and none with a lower or without', async () => {
    sdk = await Sdk.start({ eventHub: { partitions: 1 } });
    const send = await sending();
    const without = sdk.read(sdk.consumer(), {}, '0');
    await send('one');
    await eventually(() => without.events.length === 1);
    const first = sdk.read(sdk.consumer(), { ownerLevel: 1 }, '0');
    await eventually(() => first.events.length === 1);
    await eventually(() => without.errors.length > 0);
    expect(without.errors[0]?.code).toBe('ReceiverDisconnectedError');
    const second = sdk.read(sdk.consumer(), { ownerLevel: 1 }, '0');
    await eventually(() => second.events.length === 1);
    await eventually(() => first.errors.length > 0);
    expect(first.errors[0]?.code).toBe('ReceiverDisconnectedError');
    const lower = sdk.read(sdk.consumer(), { ownerLevel: 0 }, '0');
    const late = sdk.read(sdk.consumer(), {}, '0');
    await eventually(() => lower.errors.length > 0 && late.errors.length > 0);
    expect(lower.errors[0]?.code).toBe('ReceiverDisconnectedError');
    expect(late.errors[0]?.code).toBe('ReceiverDisconnectedError');
    await send('two');
    await eventually(() => second.events.length === 2);
    expect(lower.events).toEqual([]);
  });

  it('takes a partition from a reader in the middle of events, whose connection stays as it is', async () => {
    sdk = await Sdk.start({ eventHub: { partitions: 1 } });
    const send = await sending();
    const stopped = new AbortController();
    const flow = Promise.all(
      Array.from({ length: 20 }, async () => {
        while (!stopped.signal.aborted) await send('more');
      }),
    );
    try {
      for (let round = 0; round < 10; round += 1) {
        const client = sdk.consumer();
        const reading = sdk.read(client, { ownerLevel: 1 }, '0');
        await eventually(() => reading.events.length > 0);
        const connection = connectionOf(client);
        const taking = sdk.read(sdk.consumer(), { ownerLevel: 1 }, '0');
        await eventually(() => taking.events.length > 0 && reading.errors.length > 0);
        expect(reading.errors[0]?.code).toBe('ReceiverDisconnectedError');
        expect(connectionOf(client)).toBe(connection);
        await client.close();
      }
    } finally {
      stopped.abort();
      await flow;
    }
  });

  it('forgets what is older than its retention', async () => {
    sdk = await Sdk.start({ eventHub: { partitions: 1, retentionMs: 3_600_000 } });
    const send = await sending();
    await send('old');
    sdk.simulator.advanceTime(3_600_001);
    await send('new');
    const { events } = sdk.read(sdk.consumer(), {}, '0');
    await eventually(() => events.length > 0);
    expect(events.map(({ body, sequenceNumber }) => [body as unknown, sequenceNumber])).toEqual([['new', 1]]);
  });

  it('refuses a checkpoint from another hub', async () => {
    sdk = await Sdk.start({ eventHub: { partitions: 1 } });
    const reading = sdk.read(sdk.consumer(), { startPosition: { sequenceNumber: 1_000 } }, '0');
    await eventually(() => reading.errors.length > 0);
    expect(reading.errors[0]?.message).toContain("The supplied sequence number '1000' is invalid");
  });

  it('says how far behind a reader is, when asked', async () => {
    sdk = await Sdk.start({ eventHub: { partitions: 1 } });
    const send = await sending();
    for (const text of ['1', '2', '3']) await send(text);
    let last: number | undefined;
    const consumer = sdk.consumer();
    const subscription = consumer.subscribe(
      '0',
      {
        processEvents: async (_events, { lastEnqueuedEventProperties }) => {
          last = lastEnqueuedEventProperties?.sequenceNumber ?? last;
        },
        processError: async () => undefined,
      },
      { startPosition: { offset: '-1' }, trackLastEnqueuedEventProperties: true, maxWaitTimeInSeconds: 1 },
    );
    await eventually(() => last === 2);
    await subscription.close();
  });

  it('repeats, delays and holds events on demand', async () => {
    sdk = await Sdk.start({ eventHub: { partitions: 1 } });
    const { faults } = sdk.simulator;
    const send = await sending();
    const { events } = sdk.read(sdk.consumer(), {}, '0');
    faults.add({ kind: 'event-duplicate', times: 1 });
    faults.add({ kind: 'event-delay', ms: 200, times: 1 });
    await send('late');
    await send('early');
    await eventually(() => events.length === 3);
    expect(events.map(({ body }) => body as unknown)).toEqual(['early', 'early', 'late']);
    expect(events.map(({ sequenceNumber }) => sequenceNumber)).toEqual([0, 1, 2]);
    const { id } = faults.add({ kind: 'partition-hold', partitionId: '0' });
    await send('held');
    expect(await sdk.consumer().getPartitionProperties('0')).toMatchObject({ lastEnqueuedSequenceNumber: 3 });
    expect(events).toHaveLength(3);
    faults.remove(id);
    await eventually(() => events.length === 4);
  });

  it('has no events of its own until a route is switched on', async () => {
    sdk = await Sdk.start({ eventHub: { partitions: 1 } });
    const send = await sending('quiet');
    await send('telemetry');
    sdk.simulator.setRoutes(['DeviceLifecycleEvents', 'DeviceConnectionStateEvents', 'TwinChangeEvents']);
    await send('not routed');
    sdk.simulator.createDevice('loud');
    const device = await sdk.device('loud');
    await device.close();
    await sdk.registry().delete('loud');
    const { events } = sdk.read(sdk.consumer(), {}, '0');
    await eventually(() => events.length === 5);
    const opTypeOf = ({ properties }: ReceivedEventData): unknown => properties?.['opType'];
    expect(events.map((event) => [sourceOf(event), opTypeOf(event), deviceOf(event)])).toEqual([
      ['Telemetry', undefined, 'quiet'],
      ['deviceLifecycleEvents', 'createDeviceIdentity', 'loud'],
      ['deviceConnectionStateEvents', 'deviceConnected', 'loud'],
      ['deviceConnectionStateEvents', 'deviceDisconnected', 'loud'],
      ['deviceLifecycleEvents', 'deleteDeviceIdentity', 'loud'],
    ]);
    const numbers = events.slice(2, 4).map(({ body }) => (body as { sequenceNumber: string }).sequenceNumber);
    expect([...numbers].sort()).toEqual(numbers);
    expect(numbers[0]).not.toBe(numbers[1]);
  });
});
