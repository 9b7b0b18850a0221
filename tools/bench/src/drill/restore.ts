import { setTimeout as delay } from 'node:timers/promises';
import {
  archiving,
  copyBroker,
  copyDatabase,
  copySecrets,
  removeBackup,
  restoring,
  SERVICES,
  type Replicas,
} from '@muster/launcher';
import type pg from 'pg';
import type { Counted } from '../campaign-recount.js';
import { pidOf, waitFor } from '../parts.js';
import { call } from '../platform.js';
import { markdownTable } from '../statistics.js';
import { storedSequences } from '../stored-sequences.js';
import { Load, type Outcome } from './load.js';
import { archived, contentOf, eventsOf, namePoint, type Content } from './moment.js';
import { connectDatabase, openDrill, say, verdictOf } from './platform.js';
import { timesRecorded, type Push } from './pushes.js';
import { inSeconds, rowOfSpan, SPAN_HEAD, type Span } from './spans.js';

const DEVICES = Number(process.env['BENCH_DEVICES'] ?? 300);
const CONNECTED = Number(process.env['BENCH_CONNECTED'] ?? 30);
/** Between the steps of the backup. */
const CALM_SECONDS = Number(process.env['BENCH_CALM_SECONDS'] ?? 15);
/** What is done in this time is gone. */
const LOST_SECONDS = Number(process.env['BENCH_LOST_SECONDS'] ?? 15);
const AFTER_SECONDS = Number(process.env['BENCH_AFTER_SECONDS'] ?? 20);

const POINT = 'the moment';
/** As the job `muster-rebuild-published` of the chart. */
const PUBLISHED = [
  ...['device-registry', 'configuration', 'campaign-orchestrator', 'commands', 'firmware', 'identity'],
  'iothub-adapter',
].map((service) => `${service}.published`);
/** Devices that are busy at their first document may have had it in the time that is gone. */
const OF_OFFERS = /offer/i;

/**
 * A backup while everything goes on: PostgreSQL's files, then its write-ahead log, and RabbitMQ's directory at one moment. Some time
 * later a moment is named, and what all tables hold then is noted; things go on, and all of it ends. Another platform begins in its
 * place, restored to that moment, with the older RabbitMQ and a NATS that is empty: the steps of docs/operating.md. Devices, an
 * operator, a campaign and jobs go on with it. Throws with the tables when what was restored is not what was there, or what came
 * after is lost, done twice or parked. Runs alone.
 */
export const restore = async (): Promise<string> => {
  say(`${DEVICES} devices, ${CONNECTED} connected; starting …`);
  const spans: Span[] = [];
  const during = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const from = performance.now();
    const result = await work();
    spans.push({ what, from, to: performance.now() });
    say(`${what}: done`);
    return result;
  };
  const calm = (): Promise<void> => delay(CALM_SECONDS * 1_000);
  const lost = await openDrill('restore', archiving());
  let restored: Replicas | undefined;
  let load: Load | undefined;
  try {
    await lost.migrate();
    await startAll(lost);
    const before = await connectDatabase();
    load = await Load.begin('restore', {
      devices: DEVICES,
      connected: CONNECTED,
      writingSeconds: 3 * CALM_SECONDS + LOST_SECONDS + AFTER_SECONDS,
    });
    const integration = await call<{ id: string }>('POST', '/integrations', {
      name: 'restore-drill',
      from: 'beginning',
    });
    await during('(nobody)', calm);
    await load.startJobs();
    await during('base backup', () => baseBackup(lost, before));
    await during('then', calm);
    await during("copy of RabbitMQ's directory, which stands still", () =>
      copyBroker(lost, pidOf('rabbitmq', lost.directory)),
    );
    await during('then', calm);
    const acknowledged = acknowledgedOf(load);
    const moment = performance.now();
    const content = await during('the moment is named', () => namePoint(before, POINT));
    const named = performance.now();
    const acknowledgedThen = acknowledgedOf(load);
    copySecrets(lost);
    const late = await call<{ jobId: string }>('POST', '/devices/bulk', lateJob(load), [202]);
    await during('what will be gone', () => delay(LOST_SECONDS * 1_000));
    await archived(before);
    const events = await eventsOf(before);
    const acknowledgedLate = acknowledgedOf(load);
    const disaster = performance.now();
    await before.end();
    await lost.stop();
    lost.remove();
    say('all of it has ended, and is gone');

    const again = await openDrill('restore', restoring(lost, POINT));
    restored = again;
    const database = await connectDatabase();
    await waitFor('PostgreSQL to have the moment', async () => !(await isRecovering(database)));
    const recovered = performance.now();
    const found = await contentOf(database);
    await again.migrate();
    await startAll(again);
    const ready = performance.now();
    spans.push({ what: 'nobody there', from: disaster, to: ready });
    say('restored, and ready');
    const waitingBefore = await waitingOf(integration.id);
    const rebuilt = await again.command('rebuild', PUBLISHED);
    const isRebuilt = performance.now();
    await during('restored', () => delay(AFTER_SECONDS * 1_000));
    await load.startJobs();
    await load.calm();
    const gone = await goneOf(load, database, {
      ...{ named, disaster, acknowledged, acknowledgedThen, acknowledgedLate, events },
      ...{ lateJob: late.jobId, integration: integration.id, waitingBefore },
    });
    const doctor = await again.command('doctor', []);
    say(doctor.stdout);
    const outcome = await outcomeOf(load, database, { moment, ready }, [
      ['tables that are as they were at that moment', content.size, sameTables(content, found)],
      ['samples stored then that are there', 'all', sampleTables(content, found)],
      ['rebuild ended with', 0, rebuilt.code ?? -1],
      ['doctor ended with', 0, doctor.code ?? -1],
    ]);
    const times = [
      ['PostgreSQL is at the moment', inSeconds(recovered - disaster)],
      ['all services are ready', inSeconds(ready - disaster)],
      ['what streams would keep is told again', inSeconds(isRebuilt - disaster)],
    ];
    await database.end();
    return verdictOf(
      'restore',
      [
        markdownTable(
          ['under everything at once', ...SPAN_HEAD],
          spans.map((span) => [span.what, ...rowOfSpan(span, outcome)]),
        ),
        markdownTable(['after the end of everything', ''], times),
        markdownTable(['what is gone, and what is seen of it', ''], gone),
      ],
      outcome,
      { devices: DEVICES, connected: CONNECTED, spans, times, gone, doctor: doctor.stdout },
    );
  } finally {
    await load?.close();
    await lost.stop();
    await restored?.stop();
    if (process.env['BENCH_KEEP'] === undefined) {
      (restored ?? lost).remove();
      removeBackup(lost);
    }
  }
};

const startAll = async (all: Replicas): Promise<void> => {
  await Promise.all(SERVICES.map((service) => all.start(service, 1)));
};

const baseBackup = async (all: Replicas, database: pg.Client): Promise<void> => {
  await database.query("SELECT pg_backup_start('drill', true)");
  await copyDatabase(all, async () => {
    const { rows } = await database.query<{ labelfile: string }>(
      'SELECT labelfile FROM pg_backup_stop(true)',
    );
    return rows[0]?.labelfile ?? '';
  });
};

const isRecovering = async (database: pg.Client): Promise<boolean> => {
  const { rows } = await database.query<{ recovering: boolean }>('SELECT pg_is_in_recovery() AS recovering');
  return rows[0]?.recovering !== false;
};

/** Of devices that nothing else of the drill counts. */
const lateJob = ({ aside }: Load): object => ({
  target: { deviceIds: [aside.id] },
  metadata: { late: true },
});

/** By device, which of its samples. */
type Acknowledged = ReadonlyMap<string, ReadonlySet<number>>;

const acknowledgedOf = ({ senders }: Load): Acknowledged =>
  new Map(senders.map(({ device, acknowledged }) => [device.id, new Set(acknowledged)]));

const sameTables = (before: Content, after: Content): number =>
  [...before].filter(([table, content]) => after.get(table) === content).length;

const sampleTables = (before: Content, after: Content): string =>
  [...before].every(([table, content]) => !table.startsWith('telemetry.') || after.get(table) === content)
    ? 'all'
    : 'not all';

const waitingOf = async (integration: string): Promise<string> => {
  type State = { readonly consumers: readonly { readonly waiting: number | null }[] };
  const { consumers } = await call<State>('GET', `/integrations/${integration}`);
  const there = consumers.filter(({ waiting }) => waiting !== null);
  const waiting = there.reduce((sum, one) => sum + (one.waiting ?? 0), 0);
  return `${waiting} events wait in ${there.length} of ${consumers.length} consumers`;
};

interface Before {
  /** The moment is past. */
  readonly named: number;
  readonly disaster: number;
  /** Just before the moment. */
  readonly acknowledged: Acknowledged;
  /** When it was past. */
  readonly acknowledgedThen: Acknowledged;
  /** At the end of everything. */
  readonly acknowledgedLate: Acknowledged;
  readonly events: ReadonlyMap<string, string>;
  readonly lateJob: string;
  readonly integration: string;
  readonly waitingBefore: string;
}

const goneOf = async (load: Load, database: pg.Client, before: Before): Promise<string[][]> => {
  const { named, disaster, events } = before;
  const [early, late] = await missingOf(load, before);
  const now = await eventsOf(database);
  const others = [...events].filter(([name, event]) => now.has(name) && now.get(name) !== event).length;
  const gone = [...events.keys()].filter((name) => !now.has(name)).length;
  const times = await timesRecorded(database, load.aside);
  const pushes = load.pushes.filter(({ at, words }) => at >= named && at < disaster && words === '200');
  const jobs = await call<object>('GET', `/jobs/${before.lateJob}`).then(
    () => 'is there',
    () => 'is not known',
  );
  return [
    ['samples acknowledged before the moment that are not stored', `${early.missing} of ${early.of}`],
    ['samples acknowledged after it, before the end', `${late.missing} of ${late.of} are not stored`],
    ['events after it: not there any more', String(gone)],
    ['events whose name (service, stream, version) another one has now', String(others)],
    [
      "an operator's changes of a device after it, answered 200",
      `${pushes.filter(({ n }) => !times.has(n)).length} of ${pushes.length} are gone`,
    ],
    ['a job begun after it', jobs],
    ['an integrator, with NATS empty', before.waitingBefore],
    ['the same in the end', await waitingOf(before.integration)],
  ];
};

interface Missing {
  readonly missing: number;
  readonly of: number;
}

const missingOf = async (
  { senders }: Load,
  { acknowledged, acknowledgedThen, acknowledgedLate }: Before,
): Promise<readonly [early: Missing, late: Missing]> => {
  const [early, late] = [
    { missing: 0, of: 0 },
    { missing: 0, of: 0 },
  ];
  for (const { device } of senders) {
    const stored = new Set(await storedSequences(device));
    const before = acknowledged.get(device.id) ?? new Set();
    const then = acknowledgedThen.get(device.id) ?? new Set();
    for (const seq of acknowledgedLate.get(device.id) ?? []) {
      if (then.has(seq) && !before.has(seq)) continue; // while the moment was named, on one side of it or the other
      const sum = before.has(seq) ? early : late;
      sum.of += 1;
      if (!stored.has(seq)) sum.missing += 1;
    }
  }
  return [early, late];
};

/** Of what is on record in the end: what was done before the moment, and after everything was ready again. */
const outcomeOf = async (
  load: Load,
  database: pg.Client,
  { moment, ready }: { readonly moment: number; readonly ready: number },
  counted: readonly Counted[],
): Promise<Outcome> => {
  const seen = await load.seen();
  const times = await timesRecorded(database, load.aside);
  const isKept = ({ at, answeredAt = Infinity, words }: Push): boolean =>
    words === '200' && (answeredAt < moment || at >= ready);
  const kept = load.pushes.filter(isKept);
  const last = load.pushes.at(-1);
  const samples = await samplesOf(load);
  return {
    ...seen,
    // The campaign has gone back in time before the eyes of who watched it.
    watched: { ...seen.watched, wrong: new Set() },
    samples,
    counted: [
      ...counted,
      ...(await load.countCampaign(database)).filter(([what]) => !OF_OFFERS.test(what)),
      ...(await load.countJobs(database)),
      [
        "an operator's changes before and afterwards: answered 200, and in the events once",
        kept.length,
        kept.filter(({ n }) => times.get(n) === 1).length,
      ],
      ['the last of them at its device', 'yes', last?.hadAt === undefined ? 'no' : 'yes'],
      ['samples stored twice', 0, samples.twice],
      ['parked', 0, await load.parked()],
    ],
  };
};

const samplesOf = async ({ senders }: Load): Promise<Outcome['samples']> => {
  const sum = { sent: 0, acknowledged: 0, stored: 0, missing: 0, twice: 0 };
  for (const { device, sent, acknowledged } of senders) {
    const stored = await storedSequences(device);
    const distinct = new Set(stored);
    sum.sent += sent;
    sum.acknowledged += acknowledged.size;
    sum.stored += distinct.size;
    sum.twice += stored.length - distinct.size;
    sum.missing += [...acknowledged].filter((seq) => !distinct.has(seq)).length;
  }
  return sum;
};
