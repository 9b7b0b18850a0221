import { setTimeout as delay } from 'node:timers/promises';
import { callAll } from './call-all.js';
import { connectDevice, provision, runName } from './platform.js';
import { processorSeconds } from './processor-time.js';
import { keepRaw } from './raw-results.js';
import { markdownTable } from './statistics.js';

const DEVICES = Number(process.env['BENCH_DEVICES'] ?? 2_000);
const PER_SECOND = 200;
const SECONDS = 15;
const PARTS = ['mqtt-front', 'rabbitmq', 'mqtt-adapter'] as const;

/**
 * What one sample costs the door, RabbitMQ and the adapter in processor time when few come at a time, 200 a second from
 * 2,000 connected devices: without a request id, with one that stays the same, and with a new one each time. Wants a process per service (`npm start -- --processes`).
 */
export const brokerCost = async (): Promise<string> => {
  const devices = await provision(runName('broker-cost'), DEVICES);
  const clients = await callAll(devices, 10, async (device) => {
    const client = await connectDevice(device.id);
    client.on('error', () => undefined); // reconnects by itself
    await client.subscribeAsync(`kp1/${device.appVersion}/dcx/${device.token}/json/+/status`, { qos: 1 });
    return client;
  });
  const measure = async (what: string, idOf: (n: number) => string): Promise<string[]> => {
    const spent = PARTS.map((part) => processorSeconds(part));
    const began = performance.now();
    let sent = 0;
    for (let elapsed = 0; elapsed < SECONDS; elapsed = (performance.now() - began) / 1_000) {
      for (; sent < elapsed * PER_SECOND; sent += 1) {
        const device = devices[sent % DEVICES];
        if (device === undefined) continue;
        const topic = `kp1/${device.appVersion}/dcx/${device.token}/json${idOf(sent)}`;
        clients[sent % DEVICES]?.publish(topic, JSON.stringify({ sent }), { qos: 1 });
      }
      await delay(5);
    }
    await delay(1_000);
    const each = PARTS.map(
      (part, index) => `${(((processorSeconds(part) - (spent[index] ?? 0)) / sent) * 1_000).toFixed(1)} ms`,
    );
    return [what, ...each];
  };
  try {
    await measure('warm-up', () => '/1');
    const rows = [
      await measure('no request id, no answer', () => ''),
      await measure('always the same request id, answered', () => '/1'),
      await measure('a new request id each time, answered', (n) => `/${100 + n}`),
    ];
    const file = keepRaw('broker-cost', { devices: DEVICES, perSecond: PER_SECOND, rows });
    return [
      markdownTable([`processor time of a sample, ${PER_SECOND} a second`, ...PARTS], rows),
      `Raw results: ${file}`,
    ].join('\n\n');
  } finally {
    await Promise.all(clients.map((client) => client.endAsync(true)));
  }
};
