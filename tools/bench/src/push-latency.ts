import type { MqttClient } from 'mqtt';
import { call, connectDevice, provision, runName } from './platform.js';
import { markdownTable, milliseconds, percentile } from './statistics.js';

const CHANGES = 200;

/**
 * Time from the start of a PATCH of a desired value to the device holding the whole document, one after another on an
 * idle system. Beside it the ceiling: the same client's own message coming back from the same broker.
 */
export const pushLatency = async (): Promise<string> => {
  const run = runName('push');
  const [device] = await provision(run, 1);
  if (device === undefined) throw new Error('no device was provisioned');
  const client = await connectDevice(`${run}-client`);
  try {
    const configTopic = `kp1/${device.appVersion}/cmx/${device.token}/config/json/status`;
    const echoTopic = `kp1/${device.appVersion}/dcx/${device.token}/json`;
    await client.subscribeAsync([configTopic, echoTopic], { qos: 1 });
    const arrival = (topic: string, text: string): Promise<number> => arrivalOf(client, topic, text);
    const echoes: number[] = [];
    const pushes: number[] = [];
    for (let n = 0; n < CHANGES; n += 1) {
      const echoed = arrival(echoTopic, `{"n":${n}}`);
      const published = performance.now();
      await client.publishAsync(echoTopic, `{"n":${n}}`, { qos: 1 });
      echoes.push((await echoed) - published);

      const pushed = arrival(configTopic, `"interval":${n}}`);
      const patched = performance.now();
      await call('PATCH', `/devices/${device.id}/configuration/desired`, { interval: n });
      pushes.push((await pushed) - patched);
    }
    const row = (name: string, values: readonly number[]): string[] => [
      name,
      milliseconds(percentile(values, 0.5)),
      milliseconds(percentile(values, 0.99)),
      milliseconds(Math.max(...values)),
    ];
    return markdownTable(
      [`${CHANGES} one after another`, 'p50', 'p99', 'max'],
      [row('PATCH → device has the document', pushes), row('ceiling: broker echo, QoS 1', echoes)],
    );
  } finally {
    await client.endAsync(true);
  }
};

/** When the message of `topic` that contains `text` came. */
const arrivalOf = (client: MqttClient, topic: string, text: string): Promise<number> =>
  new Promise((resolve, reject) => {
    const tooLate = setTimeout(
      () => finish(() => reject(new Error(`nothing on ${topic} within 10 s`))),
      10_000,
    );
    const onMessage = (got: string, payload: Buffer): void => {
      const now = performance.now();
      if (got === topic && payload.includes(text)) finish(() => resolve(now));
    };
    const finish = (settle: () => void): void => {
      clearTimeout(tooLate);
      client.off('message', onMessage);
      settle();
    };
    client.on('message', onMessage);
  });
