import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import {
  bringUpRabbitmq,
  freePortBase,
  FRONT_USER,
  AMQP_USER,
  openInstance,
  TEST_OFFSETS,
  testSettings,
  type Instance,
} from '@muster/local-servers';
import { eventually } from '@muster/testing';
import { connect } from 'amqplib';
import { connectAsync, type MqttClient } from 'mqtt';
import { DESTINATIONS } from './topology.js';

const ROOT = join(import.meta.dirname, '../../../../..');
let instance: Instance;

beforeEach(async () => {
  const settings = testSettings(ROOT, `empty-broker-${process.pid}`, await freePortBase(TEST_OFFSETS));
  instance = await openInstance(settings, () => undefined);
});
afterEach(async () => {
  await instance.stop();
  await rm(instance.settings.home, { recursive: true, force: true });
});

/** As the door does: tries until it is let in. */
const letIn = (): Promise<MqttClient> => {
  const { settings, secrets } = instance;
  return eventually(
    () =>
      connectAsync(`mqtt://127.0.0.1:${settings.ports.brokerMqtt}`, {
        ...{ username: FRONT_USER, password: secrets.frontPassword },
        ...{ reconnectPeriod: 0, protocolVersion: 4 },
      }),
    { what: 'the broker lets the front in', deadlineMs: 120_000, everyMs: 2 },
  );
};

const waiting = async (): Promise<number> => {
  const { settings, secrets } = instance;
  const connection = await connect({
    ...{ hostname: '127.0.0.1', port: settings.ports.amqp },
    ...{ username: AMQP_USER, password: secrets.amqpPassword },
  });
  try {
    const channel = await connection.createChannel();
    const queues = DESTINATIONS.map(({ queue }) => channel.checkQueue(queue));
    return (await Promise.all(queues)).reduce((sum, { messageCount }) => sum + messageCount, 0);
  } finally {
    await connection.close();
  }
};

it('a broker without data, as after a lost disk, keeps everything that it acknowledges, from its first moment', async () => {
  const brokerIsUp = bringUpRabbitmq(instance);
  const client = await letIn();
  let acknowledged = 0;
  try {
    // Until the broker is up, and on: MQTT comes first.
    const untilUp = new AbortController();
    void brokerIsUp.finally(() => untilUp.abort());
    while (!untilUp.signal.aborted || acknowledged < 100) {
      await client.publishAsync('kp1/app-v1/dcx/token-1/json', '{"a":1}', { qos: 1 });
      acknowledged += 1;
    }
  } finally {
    await client.endAsync();
  }
  await brokerIsUp;
  await eventually(async () => (await waiting()) === acknowledged, {
    what: `${acknowledged} acknowledged messages are in the queues`,
  });
  expect(acknowledged).toBeGreaterThanOrEqual(100);
});
