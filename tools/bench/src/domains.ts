import { setTimeout as delay } from 'node:timers/promises';
import { pidOf, runningParts, startedAgain, waitFor } from './parts.js';
import { call, provision, runName, type BenchDevice } from './platform.js';
import { keepRaw } from './raw-results.js';
import { storedSequences } from './stored-sequences.js';
import { markdownTable } from './statistics.js';
import { SPAN, spanOf, startFlow, type Flow, type FlowKind } from './steady-flow.js';

const ALL = ['telemetry', 'configuration', 'device-registry', 'commands', 'firmware'];
/** With commas between; default: all. */
const VICTIMS = process.env['BENCH_VICTIMS']?.split(',') ?? ALL;
const STOPPED_SECONDS = Number(process.env['BENCH_STOPPED_SECONDS'] ?? 60);
const CALM_SECONDS = Number(process.env['BENCH_CALM_SECONDS'] ?? 15);
const DEVICES = 20;

/**
 * Needs `npm start -- --processes`. Telemetry, reports, metadata, results of commands and software reports flow while each
 * service behind them is stopped (SIGSTOP) for a minute, and then killed (SIGKILL), in turn. What the others got done
 * meanwhile is the result; afterwards everything must be answered and stored, and nothing parked. Throws if it is not.
 */
export const domains = async (): Promise<string> => {
  const missing = VICTIMS.filter((victim) => !runningParts().includes(victim));
  if (missing.length > 0) {
    throw new Error(`no process of its own for ${missing.join(', ')}: run npm start -- --processes`);
  }
  const run = runName('domains');
  const devices = await provision(run, DEVICES);
  const commandOf = await commands(devices);
  const parkedBefore = await parked();
  const flows = await Promise.all(kinds(commandOf).map((kind) => startFlow(run, kind, devices)));
  const rows: string[][] = [];
  try {
    for (const victim of VICTIMS) {
      rows.push(...(await trial(flows, `${victim}, stopped ${STOPPED_SECONDS} s`, () => stopFor(victim))));
      rows.push(...(await trial(flows, `${victim}, killed`, () => kill(victim))));
    }
    for (const flow of flows) await flow.stop();
    await everythingAnswered(flows);
    const lost = await lostOf(flows, devices);
    const parkedNow = (await parked()) - parkedBefore;
    keepRaw('domains', { rows, lost, parked: parkedNow });
    const table = [
      markdownTable(['what happens', 'messages', 'before', 'during', 'after'], rows),
      `${SPAN[0]?.toUpperCase() ?? ''}${SPAN.slice(1)}. Five kinds at once, ${DEVICES} devices.`,
      markdownTable(
        ['messages', 'sent', 'answered', 'refused', 'lost', 'parked'],
        flows.map(({ kind, asked }, index) => [
          kind.name,
          String(asked.length),
          String(asked.filter(({ answeredAt }) => answeredAt !== undefined).length),
          String(asked.filter(({ refused }) => refused).length),
          String(lost[kind.name] ?? 0),
          index === 0 ? `${parkedNow} of all kinds` : '',
        ]),
      ),
    ].join('\n\n');
    const isWhole =
      parkedNow === 0 &&
      Object.values(lost).every((count) => count === 0) &&
      flows.every(({ asked }) => asked.every(({ refused }) => refused !== true));
    if (!isWhole) throw new Error(`something was lost, refused or parked:\n${table}`);
    return table;
  } finally {
    for (const flow of flows) {
      await flow.stop();
      await flow.close();
    }
  }
};

const kinds = (commandOf: ReadonlyMap<string, number>): readonly FlowKind[] => [
  { name: 'telemetry', path: 'dcx/{token}/json', perSecond: 200, body: (seq) => ({ seq }) },
  { name: 'reports', path: 'cmx/{token}/state/json', perSecond: 20, body: (n) => ({ n }) },
  { name: 'metadata', path: 'epmx/{token}/update/keys', perSecond: 20, body: (n) => ({ n }) },
  {
    name: 'results',
    path: 'cex/{token}/result/bench',
    perSecond: 20,
    body: (n, { id }) => ({ id: commandOf.get(id), statusCode: 200, payload: n }),
  },
  {
    name: 'software',
    path: 'cmx_ota/{token}/applied/json',
    perSecond: 20,
    body: () => ({ configId: '1.0.0', statusCode: 200 }),
  },
];

/** A command for each device, so that there is something to report a result of. */
const commands = async (devices: readonly BenchDevice[]): Promise<ReadonlyMap<string, number>> => {
  const ids = new Map<string, number>();
  for (const { id } of devices) {
    const { number } = await call<{ number: number }>(
      'POST',
      `/devices/${id}/commands`,
      { type: 'bench', ttlSeconds: 86_400 },
      [200, 201, 202],
    );
    ids.set(id, number);
  }
  return ids;
};

/** `harm` resolves when it is over: the process runs again. */
const trial = async (
  flows: readonly Flow[],
  name: string,
  harm: () => Promise<void>,
): Promise<string[][]> => {
  const before = performance.now();
  await delay(CALM_SECONDS * 1_000);
  const from = performance.now();
  await harm();
  const to = performance.now();
  await delay(CALM_SECONDS * 1_000);
  await everythingAnswered(flows, to);
  const after = performance.now();
  process.stdout.write(`${name}: done\n`);
  return flows.map(({ kind, asked }, index) => [
    index === 0 ? name : '',
    kind.name,
    spanOf(asked, before, from),
    spanOf(asked, from, to),
    spanOf(asked, to, after),
  ]);
};

const stopFor = async (victim: string): Promise<void> => {
  const pid = pidOf(victim);
  process.kill(pid, 'SIGSTOP');
  try {
    await delay(STOPPED_SECONDS * 1_000);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
};

const kill = async (victim: string): Promise<void> => {
  const pid = pidOf(victim);
  process.kill(pid, 'SIGKILL');
  await startedAgain(victim, pid);
};

const everythingAnswered = (flows: readonly Flow[], sentBefore = Number.POSITIVE_INFINITY): Promise<void> =>
  waitFor('every message to be answered', () =>
    flows.every(({ asked }) =>
      asked.every(({ sentAt, answeredAt }) => answeredAt !== undefined || sentAt >= sentBefore),
    ),
  );

/** Telemetry: samples that are not there. The others: devices whose last message is not what the platform shows. */
const lostOf = async (
  flows: readonly Flow[],
  devices: readonly BenchDevice[],
): Promise<Readonly<Record<string, number>>> => {
  const lost: Record<string, number> = {};
  for (const { kind, asked } of flows) {
    lost[kind.name] = 0;
    for (const device of devices) {
      const sent = asked.filter((one) => one.device === device).map(({ n }) => n);
      lost[kind.name] = (lost[kind.name] ?? 0) + (await missing(kind.name, device, sent));
    }
  }
  return lost;
};

const missing = async (kind: string, device: BenchDevice, sent: readonly number[]): Promise<number> => {
  const last = sent.at(-1);
  const isLast = (value: unknown): number => (value === last ? 0 : 1);
  switch (kind) {
    case 'telemetry': {
      const stored = new Set(await storedSequences(device));
      return sent.filter((seq) => !stored.has(seq)).length;
    }
    case 'reports': {
      type View = { readonly keys: { readonly n?: { readonly reported?: unknown } } };
      return isLast((await call<View>('GET', `/devices/${device.id}/configuration`)).keys.n?.reported);
    }
    case 'metadata': {
      type View = { readonly metadata: { readonly n?: number } };
      return isLast((await call<View>('GET', `/devices/${device.id}`)).metadata.n);
    }
    default:
      return 0;
  }
};

const parked = async (): Promise<number> =>
  (await call<{ items: readonly object[] }>('GET', '/parked?limit=500')).items.length;
