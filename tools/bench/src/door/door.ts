import pg from 'pg';
import { databaseUrl, platform, runName } from '../platform.js';
import { keepRaw } from '../raw-results.js';
import { markdownTable, rate, share } from '../statistics.js';
import { backlog } from './backlog.js';
import { importFleet } from './fleet.js';
import { idle, mostConnections } from './idle.js';
import { flow, type Flow } from './throughput.js';

const SENDERS = 1_000;
const IDLE = Number(process.env['BENCH_DOOR_IDLE'] ?? 10_000);
const ROUNDS = Number(process.env['BENCH_DOOR_ROUNDS'] ?? 2);
const STEADY_PER_SECOND = 1_000;
const FRONT = 'mqtt-front';
const BROKER = 'rabbitmq';
const MEGABYTE = 1_048_576;

/**
 * What the MQTT door costs and holds: telemetry through it beside the broker alone, request ids that are ever new beside one that
 * stays, what a device has kept through an outage, and thousands that are connected and say nothing. Wants a process per service
 * (`npm start -- --processes`) and nobody else there.
 */
export const door = async (): Promise<string> => {
  const sql = new pg.Client({ connectionString: databaseUrl() });
  await sql.connect();
  try {
    const devices = await importFleet(runName('door'), Math.min(IDLE, mostConnections()));
    const senders = devices.slice(0, SENDERS);
    const [first] = devices;
    if (first === undefined) throw new Error('no device was imported');
    const { brokerMqttUrl, mqttUrl } = platform;
    const fast: Record<string, Flow[]> = {};
    const measure = async (what: string, options: Omit<Parameters<typeof flow>[1], 'devices'>) => {
      const measured = await flow(sql, { devices: senders, ...options });
      (fast[what] ??= []).push(measured);
      process.stderr.write(`${what}: ${rate(measured.messages / measured.seconds)}\n`);
    };
    for (let round = 0; round < ROUNDS; round += 1) {
      await measure('the broker alone', { url: brokerMqttUrl });
      await measure('through the door', { url: mqttUrl });
      await measure('one request id, answered', { url: mqttUrl, idOf: () => '/1' });
      await measure('ever new request ids, answered', { url: mqttUrl, idOf: (n) => `/${n}` });
    }
    await measure(`${STEADY_PER_SECOND} a second`, { url: mqttUrl, perSecond: STEADY_PER_SECOND });
    // Each as soon as it is there: who cannot wait for the last has the others.
    process.stdout.write(`${flowTable(fast)}\n\n`);
    const kept = await backlog(first);
    process.stdout.write(`${backlogTable(kept)}\n\n`);
    const silent = await idle(devices);
    const file = keepRaw('door', { fast, kept, silent });
    return [...idleTables(silent), `Raw results: ${file}`].join('\n\n');
  } finally {
    await sql.end();
  }
};

const flowTable = (measured: Readonly<Record<string, readonly Flow[]>>): string => {
  const sum = (of: readonly Flow[], value: (one: Flow) => number): number =>
    of.reduce((total, one) => total + value(one), 0);
  const speed = (of: readonly Flow[]): number =>
    sum(of, ({ messages }) => messages) / sum(of, ({ seconds }) => seconds);
  const alone = speed(measured['the broker alone'] ?? []);
  const rows = Object.entries(measured).map(([what, of]) => {
    const messages = sum(of, (one) => one.messages);
    const cost = (isIt: (part: string) => boolean): string => {
      const spent = sum(of, ({ processor }) =>
        Object.entries(processor).reduce((total, [part, one]) => total + (isIt(part) ? one : 0), 0),
      );
      return `${Math.round((spent / messages) * 1_000_000)} µs`;
    };
    return [
      what,
      rate(speed(of)),
      share(speed(of), alone),
      rate(messages / sum(of, ({ storedSeconds }) => storedSeconds)),
      cost((part) => part === FRONT),
      cost((part) => part === BROKER),
      cost((part) => part !== FRONT && part !== BROKER),
    ];
  });
  return markdownTable(
    [
      `${SENDERS.toLocaleString('en')} connections, QoS 1`,
      'PUBACK',
      'of the broker alone',
      'stored',
      `processor time of a message: ${FRONT}`,
      BROKER,
      'all others',
    ],
    rows,
  );
};

const backlogTable = ({
  sent,
  acknowledged,
  stored,
  refused,
  seconds,
}: Awaited<ReturnType<typeof backlog>>) =>
  markdownTable(
    ['one device, at once', 'acknowledged', 'stored', 'refused in words', 'neither', 'in'],
    [
      [
        ...[sent, acknowledged, stored, refused, sent - stored - refused].map((count) =>
          count.toLocaleString('en'),
        ),
        `${seconds.toFixed(1)} s`,
      ],
    ],
  );

const idleTables = ({
  count,
  connectSeconds,
  backSeconds,
  refused,
  rows,
}: Awaited<ReturnType<typeof idle>>) => [
  markdownTable(
    [`${count.toLocaleString('en')} idle connections`, ''],
    [
      ['all connected and subscribed', `${connectSeconds.toFixed(1)} s (${rate(count / connectSeconds)})`],
      [
        'all back after kill -9 of the front',
        `${backSeconds.toFixed(1)} s (${rate(count / backSeconds)}; ${refused} attempts were refused)`,
      ],
    ],
  ),
  markdownTable(
    ['', 'memory before', 'with all connected', 'of a connection', 'processor time of a connect'],
    rows.map(({ part, before, after, connectProcessor }) => [
      part,
      `${Math.round(before / MEGABYTE)} MB`,
      `${Math.round(after / MEGABYTE)} MB`,
      `${((after - before) / count / 1_024).toFixed(1)} KB`,
      `${((connectProcessor / count) * 1_000).toFixed(1)} ms`,
    ]),
  ),
];
