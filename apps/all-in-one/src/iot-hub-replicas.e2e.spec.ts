import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Platform } from '@muster/testing';
import { Message, type Client } from 'azure-iot-device';
import { startPlatformWithHub, until, type HubDevice, type PlatformWithHub } from './iot-hub.fixture.js';

const DEVICES = 12;
const PARTITIONS = 4;
/** As the fixture sets it: after so long a silent replica has lost what it reads. */
const CLAIM_MS = 5_000;
/** Until the others look at claims again, and open the partitions; the machine is busy. */
const OPENING_MS = 5_000;

let world: PlatformWithHub;
let platform: Platform;

beforeAll(async () => {
  world = await startPlatformWithHub();
  ({ platform } = world);
  const hub = { name: 'factory', connectionString: world.simulator.connectionString(), tier: 'S3' };
  expect(await platform.api('POST', '/iot-hubs', hub)).toMatchObject({ status: 201 });
}, 180_000);

const sending = new AbortController();

afterAll(async () => {
  sending.abort(); // also where a test ended early
  await world.stop();
});

/** Who reads how many partitions. */
const readers = async (): Promise<Map<string, number>> => {
  const rows = await platform.sql(
    `SELECT owner_id, count(*)::integer AS n FROM iothub_adapter.hub_partitions WHERE owner_id <> '' GROUP BY owner_id`,
  );
  return new Map(rows.map(({ owner_id: owner, n }) => [String(owner), Number(n)]));
};

/** Sends numbers, one after another, until `signal` ends. How many the hub has acknowledged. */
const sendNumbers = async (client: Client, signal: AbortSignal): Promise<number> => {
  let sent = 0;
  for (; !signal.aborted; sent += 1) {
    await client.sendEvent(new Message(JSON.stringify({ nth: sent })));
    await pause(25);
  }
  return sent;
};

/** How many samples of a device are stored, and how many different ones. */
const storedOf = async ({ id }: HubDevice): Promise<{ rows: number; different: number }> => {
  const [row] = await platform.sql(
    `SELECT count(*)::integer AS rows, count(DISTINCT data ->> 'nth')::integer AS different
     FROM telemetry.samples WHERE device_id = $1`,
    [id],
  );
  return row as { rows: number; different: number };
};

it('the partitions of a replica that is killed are read by the other within the time of a claim; nothing is lost, nothing is there twice', async () => {
  const fleet = await Promise.all(Array.from({ length: DEVICES }, () => world.newDevice()));
  const clients = await Promise.all(fleet.map((device) => world.connect(device)));
  await until('one replica reads all', async () => {
    expect([...(await readers()).values()]).toEqual([PARTITIONS]);
  });
  const [first = ''] = [...(await readers()).keys()];
  const other = platform.addReplica('iothub-adapter');
  await until('two replicas share the partitions', async () => {
    expect([...(await readers()).values()]).toEqual([PARTITIONS / 2, PARTITIONS / 2]);
  });

  const flow = Promise.all(clients.map((client) => sendNumbers(client, sending.signal)));
  await until('samples of all are stored', async () => {
    for (const device of fleet) expect((await storedOf(device)).rows).toBeGreaterThan(10);
  });
  await other.kill9();
  const killedAt = performance.now();
  const before = await Promise.all(fleet.map(storedOf));
  await until('the first reads all again', async () => {
    expect([...(await readers())]).toEqual([[first, PARTITIONS]]);
  });
  expect(performance.now() - killedAt).toBeLessThan(CLAIM_MS + OPENING_MS);
  await until('samples of all are stored again', async () => {
    for (const [nth, device] of fleet.entries()) {
      expect((await storedOf(device)).rows).toBeGreaterThan(before[nth]?.rows ?? 0);
    }
  });
  sending.abort();
  const acknowledged = await flow;
  await until('all are stored, once', async () => {
    expect(await Promise.all(fleet.map(storedOf))).toEqual(
      acknowledged.map((count) => ({ rows: count, different: count })),
    );
  });
}, 120_000);

it('a replica that is stopped hands its partitions over at once', async () => {
  const other = platform.addReplica('iothub-adapter');
  await until('two replicas share the partitions', async () => {
    expect([...(await readers()).values()]).toEqual([PARTITIONS / 2, PARTITIONS / 2]);
  });
  await other.stop();
  const stoppedAt = performance.now();
  await until('one reads all again', async () => {
    expect([...(await readers()).values()]).toEqual([PARTITIONS]);
  });
  expect(performance.now() - stoppedAt).toBeLessThan(CLAIM_MS);
}, 60_000);
