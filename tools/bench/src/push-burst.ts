import { setTimeout as delay } from 'node:timers/promises';
import type { MqttClient } from 'mqtt';
import { jobEnds } from './bulk.js';
import { callAll } from './call-all.js';
import { runningParts } from './parts.js';
import { call, connectDevice, provision, runName, type BenchDevice } from './platform.js';
import { processorSeconds } from './processor-time.js';
import { keepRaw } from './raw-results.js';
import { markdownTable, milliseconds, percentile } from './statistics.js';

const DEVICES = Number(process.env['BENCH_DEVICES'] ?? 2_000);
const SAMPLE_EVERY_MS = 10_000;
const SECONDS = 40;
const LATE_MS = 10_000;
const ONE_BY_ONE_CALLERS = 8;

interface Sender {
  readonly device: BenchDevice;
  readonly client: MqttClient;
  readonly asked: Map<string, number>;
  requests: number;
}

interface Phase {
  readonly what: string;
  readonly sent: number;
  readonly answered: readonly number[];
  readonly applied: number;
  /** Part → cores used. */
  readonly cores: Readonly<Record<string, number>>;
}

/**
 * 2,000 connected devices send a sample with a request id every ten seconds and wait for its `/status`: alone, while one
 * bulk job changes them all at once, and while they are changed one by one. Who is changed applies the document and says
 * so. The first row is the ceiling of the same run; the processor time of each part says what the pushes cost.
 */
export const pushBurst = async (): Promise<string> => {
  const run = runName('push-burst');
  const devices = await provision(run, DEVICES);
  const counts = { applied: 0 };
  const senders = await callAll(devices, 10, (device) => connect(device, counts));
  try {
    await measure('warm-up', senders, counts, async () => undefined, 10);
    const phases = [
      await measure('samples alone (ceiling)', senders, counts, async () => undefined),
      await measure('all changed by one bulk job', senders, counts, () => changeAll(run)),
      await measure(`changed one by one, ${ONE_BY_ONE_CALLERS} callers`, senders, counts, () =>
        changeOneByOne(devices),
      ),
    ];
    const file = keepRaw('push-burst', { devices: DEVICES, phases });
    const parts = runningParts();
    return [
      markdownTable(
        [
          `${DEVICES} devices, a sample every 10 s`,
          'applied',
          'answered',
          'p50',
          'p99',
          'max',
          'later than 10 s',
        ],
        phases.map(({ what, applied, answered, sent }) => [
          what,
          String(applied),
          `${answered.length} of ${sent}`,
          milliseconds(percentile(answered, 0.5)),
          milliseconds(percentile(answered, 0.99)),
          milliseconds(answered.reduce((most, one) => Math.max(most, one), 0)),
          String(sent - answered.filter((one) => one <= LATE_MS).length),
        ]),
      ),
      markdownTable(
        ['cores used', ...parts],
        phases.map(({ what, cores }) => [what, ...parts.map((part) => (cores[part] ?? 0).toFixed(2))]),
      ),
      `Raw results: ${file}`,
    ].join('\n\n');
  } finally {
    await Promise.all(senders.map(({ client }) => client.endAsync(true)));
  }
};

const topicOf = ({ appVersion, token }: BenchDevice, rest: string): string =>
  `kp1/${appVersion}/${rest.replace('{token}', token)}`;

const connect = async (device: BenchDevice, counts: { applied: number }): Promise<Sender> => {
  const client = await connectDevice(device.id);
  const sender: Sender = { device, client, asked: new Map(), requests: 0 };
  client.on('error', () => undefined); // reconnects by itself, and subscribes again
  client.on('message', (topic, payload) => {
    const [, , extension, , , id] = topic.split('/');
    if (extension === 'cmx') {
      const { configId } = JSON.parse(payload.toString()) as { configId: string };
      client.publish(topicOf(device, 'cmx/{token}/applied/json'), JSON.stringify({ configId }), { qos: 1 });
      counts.applied += 1;
      return;
    }
    answerOf(sender, id ?? '');
  });
  await client.subscribeAsync(
    [topicOf(device, 'dcx/{token}/json/+/status'), topicOf(device, 'cmx/{token}/config/json/status')],
    { qos: 1 },
  );
  return sender;
};

/** Where the latencies of the phase under way go. */
let latencies: number[] = [];

const answerOf = ({ asked }: Sender, id: string): void => {
  const sentAt = asked.get(id);
  if (sentAt === undefined) return;
  asked.delete(id);
  latencies.push(performance.now() - sentAt);
};

const measure = async (
  what: string,
  senders: readonly Sender[],
  counts: { applied: number },
  meanwhile: () => Promise<void>,
  seconds = SECONDS,
): Promise<Phase> => {
  latencies = [];
  counts.applied = 0;
  for (const { asked } of senders) asked.clear();
  const before = processorTimes();
  const began = performance.now();
  const other = meanwhile();
  const sent = await sendAll(senders, seconds * 1_000);
  await other;
  const elapsed = (performance.now() - began) / 1_000;
  const after = processorTimes();
  await delay(LATE_MS); // the last answers
  const cores = Object.entries(after).map(
    ([part, used]) => [part, (used - (before[part] ?? used)) / elapsed] as const,
  );
  return { what, sent, answered: latencies, applied: counts.applied, cores: Object.fromEntries(cores) };
};

/** Spread evenly over the ten seconds. */
const sendAll = async (senders: readonly Sender[], forMs: number): Promise<number> => {
  const began = performance.now();
  let sent = 0;
  for (;;) {
    const elapsed = performance.now() - began;
    if (elapsed >= forMs) return sent;
    for (const due = (elapsed / SAMPLE_EVERY_MS) * senders.length; sent < due; sent += 1) {
      const sender = senders[sent % senders.length];
      if (sender !== undefined) ask(sender);
    }
    await delay(5);
  }
};

const ask = (sender: Sender): void => {
  sender.requests += 1;
  // As small devices do; each is a topic that the broker does not know of this connection.
  const id = String((sender.requests % 99) + 1);
  sender.asked.set(id, performance.now());
  const payload = JSON.stringify({ temperature: 20 + Math.random(), sent: Date.now() });
  sender.client.publish(topicOf(sender.device, `dcx/{token}/json/${id}`), payload, { qos: 1 });
};

const changeAll = async (run: string): Promise<void> => {
  const { jobId } = await call<{ jobId: string }>(
    'POST',
    '/configuration/bulk',
    { target: { filter: `deviceType==${run}` }, desired: { interval: 1 } },
    [202],
  );
  await jobEnds(jobId, DEVICES);
};

const changeOneByOne = async (devices: readonly BenchDevice[]): Promise<void> => {
  await callAll(devices, ONE_BY_ONE_CALLERS, ({ id }) =>
    call('PATCH', `/devices/${id}/configuration/desired`, { interval: 2 }),
  );
};

/** Seconds of processor time of each part so far. */
const processorTimes = (): Readonly<Record<string, number>> =>
  Object.fromEntries(runningParts().map((part) => [part, processorSeconds(part)]));
