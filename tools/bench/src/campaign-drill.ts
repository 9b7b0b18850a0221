import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '@muster/simulator/random';
import pg from 'pg';
import { answerDocuments, documentsOf, expectedOf, hasAnswered } from './campaign-fleet.js';
import { isAsWanted, recount, type Counted } from './campaign-recount.js';
import { CampaignWatch, wordsOf, type SeenCampaign, type Watched } from './campaign-watch.js';
import { caller } from './callers.js';
import { pidOf, runningParts, startedAgain, waitFor } from './parts.js';
import { call, databaseUrl, provision, runName, type BenchDevice } from './platform.js';
import { keepRaw } from './raw-results.js';
import { connectSenders, countSamples, sendSteadily, type Sender } from './samples.js';
import { SECOND, SecondOrchestrator } from './second-orchestrator.js';
import { markdownTable } from './statistics.js';
import { openParked } from './uplink-kinds.js';

const DEVICES = Number(process.env['BENCH_DEVICES'] ?? 20_000);
const CONNECTED = Number(process.env['BENCH_CONNECTED'] ?? Math.min(400, DEVICES / 10));
const SEED = process.env['BENCH_SEED'] ?? String(Math.floor(Math.random() * 1e9));
const ORCHESTRATORS = Number(process.env['BENCH_ORCHESTRATORS'] ?? 1);
const VICTIMS = ['campaign-orchestrator', 'configuration', 'mqtt-adapter', 'nats', 'postgres'];
const ROUNDS = 2;
const BATCHES = 10;
/** The pace is such that writing alone takes so long, so that every kill meets a campaign that is under way. */
const WRITING_SECONDS = 60;
const SAMPLES_PER_SECOND = 200;
const OPERATOR_EVERY_MS = 400;
const COMPLETED_WITHIN_SECONDS = 600;
const SETTLED_WITHIN_SECONDS = 120;

/**
 * A campaign of ten batches over 20,000 devices, of which some hundreds are connected, answer and send samples, while its
 * parts are killed with SIGKILL, each twice, at moments that a seed repeats (BENCH_SEED). Afterwards everything is counted
 * again from the events. With BENCH_ORCHESTRATORS=2 a second process of the service runs beside the first, and is killed too.
 * Throws with the table when anything is not as it should be. Needs `npm start -- --processes`.
 */
export const campaignDrill = async (): Promise<string> => {
  const missing = VICTIMS.filter((part) => !runningParts().includes(part));
  if (missing.length > 0)
    throw new Error(`no process of its own for ${missing.join(', ')}: run npm start -- --processes`);
  say(`BENCH_SEED=${SEED}: ${DEVICES} devices, ${CONNECTED} connected, ${ORCHESTRATORS} orchestrators`);
  const second = ORCHESTRATORS > 1 ? new SecondOrchestrator() : undefined;
  await second?.start();
  const database = new pg.Client({ connectionString: databaseUrl() });
  database.on('error', () => undefined); // PostgreSQL is killed: it is opened for counting alone
  let senders: readonly Sender[] = [];
  try {
    const parkedBefore = await openParked();
    const run = runName('campaign-drill');
    const devices = await provision(run, DEVICES);
    const [aside] = await provision(`${run}-aside`, 1);
    if (aside === undefined) throw new Error('one was provisioned');
    senders = await connectSenders(run, devices.slice(0, CONNECTED));
    const fleet = await answerDocuments(senders);
    const sending = new AbortController();
    const flow = sendSteadily(senders, SAMPLES_PER_SECOND, sending.signal);
    const watching = new AbortController();
    const campaignId = await launch(run);
    const watch = new CampaignWatch(campaignId, DEVICES).until(watching.signal);
    const acts = changeAside(aside, watching.signal);
    const began = performance.now();
    const kills = await killAtRandom(began, second);
    await completed(campaignId);
    const seconds = (performance.now() - began) / 1_000;
    say(`completed after ${seconds.toFixed(1)} s; waiting for devices, then counting`);
    await waitFor(
      'every document to be answered',
      () => fleet.every(hasAnswered),
      SETTLED_WITHIN_SECONDS,
    ).catch(
      () => undefined, // told by the recount
    );
    sending.abort();
    await flow;
    await waitFor('every sample to be acknowledged', () =>
      senders.every(({ acknowledged, sent }) => acknowledged.size === sent),
    ).catch(() => undefined); // told by the recount
    await database.connect();
    const count = async (): Promise<Counted[]> => [
      ...(await recount(database, { campaignId, ...expectedOf(fleet, DEVICES, BATCHES) })),
      ...(await documentsOf(database, fleet)),
      ['parked', 0, (await openParked()) - parkedBefore],
    ];
    // Pushes, answers and numbers may still be on their way; what is wrong at the deadline stays wrong.
    const deadline = Date.now() + SETTLED_WITHIN_SECONDS * 1_000;
    let counted = await count();
    while (!counted.every(isAsWanted) && Date.now() < deadline) {
      await delay(1_000);
      counted = await count();
    }
    watching.abort();
    const watched = await watch;
    const acted = await acts;
    const samples = await countSamples(senders);
    counted.push(
      ['samples that were never acknowledged', 0, samples.sent - samples.acknowledged],
      ['acknowledged samples that are not stored', 0, samples.missing],
      ['samples stored twice', 0, samples.twice],
      [
        'changes of an operator: answered 200, and in the events',
        acted.done.size,
        await changesOf(database, aside, acted.done),
      ],
      ['figures and states that cannot be', 0, watched.wrong.size],
    );
    const file = keepRaw('campaign-drill', {
      ...{
        seed: SEED,
        devices: DEVICES,
        connected: CONNECTED,
        orchestrators: ORCHESTRATORS,
        seconds,
        kills,
        counted,
      },
      ...{ samples, answers: [...watched.answers], acts: [...acted.answers], phases: [...watched.phases] },
      ...{ wrong: [...watched.wrong], rest: watched.rest, course: watched.course },
    });
    const table = [
      `BENCH_SEED=${SEED}, ${DEVICES} devices, ${CONNECTED} connected, ${ORCHESTRATORS} campaign-orchestrators: ` +
        `completed ${seconds.toFixed(1)} s after the launch; ${samples.acknowledged} samples acknowledged.`,
      markdownTable(['killed with SIGKILL', 'after', 'runs again after'], kills),
      tableOfAnswers(watched, acted.answers),
      markdownTable(
        ['counted', 'wanted', 'found'],
        counted.map((row) => row.map(String)),
      ),
      `Raw results: ${file}`,
    ].join('\n\n');
    if (!counted.every(isAsWanted))
      throw new Error(`the drill failed:\n${table}\n\n${[...watched.wrong].join('\n')}`);
    return table;
  } finally {
    await Promise.all(senders.map(({ client }) => client.endAsync(true)));
    await database.end();
    await second?.stop();
  }
};

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const launch = async (run: string): Promise<string> => {
  const { id } = await call<{ id: string }>('POST', '/campaigns', {
    name: run,
    target: { filter: `deviceType==${run}` },
    configurations: { firmware_version: '1.1', firmware_url: 'https://example.com/fw/v1_1.bin' },
    batches: Array.from({ length: BATCHES }, () => ({ percent: 100 / BATCHES })),
    ratePerMinute: Math.ceil((DEVICES * 60) / WRITING_SECONDS),
    retries: { max: 5, firstAfterSeconds: 1 },
  });
  await call('POST', `/campaigns/${id}/launch`, { expectedCount: DEVICES });
  return id;
};

/** Each part twice, in an order and at moments that the seed says; the first while the devices are found out. */
const killAtRandom = async (began: number, second: SecondOrchestrator | undefined): Promise<string[][]> => {
  const random = new Random(SEED);
  const victims = Array.from({ length: ROUNDS }, () => [
    ...VICTIMS,
    ...(second === undefined ? [] : [SECOND]),
  ])
    .flat()
    .map((part) => ({ part, order: random.next() }))
    .sort((a, b) => a.order - b.order);
  const moments = victims
    .map((_victim, nth) => random.between(0, nth === 0 ? 1 : WRITING_SECONDS))
    .sort((a, b) => a - b);
  const kills: string[][] = [];
  for (const [nth, { part }] of victims.entries()) {
    const at = (moments[nth] ?? 0) * 1_000;
    await delay(Math.max(0, began + at - performance.now()));
    const after = performance.now() - began;
    if (part === SECOND) await second?.kill();
    else await kill(part);
    const row = [part, after, performance.now() - began - after].map((cell) =>
      typeof cell === 'number' ? `${(cell / 1_000).toFixed(1)} s` : cell,
    );
    say(row.join(' | '));
    kills.push(row);
  }
  return kills;
};

const kill = async (part: string): Promise<void> => {
  const pid = pidOf(part);
  process.kill(pid, 'SIGKILL');
  await startedAgain(part, pid);
};

const completed = async (campaignId: string): Promise<void> => {
  let seen: SeenCampaign | undefined;
  await waitFor(
    'the campaign to be completed',
    async () => {
      // The parts that would answer are being killed.
      seen = await call<SeenCampaign>('GET', `/campaigns/${campaignId}`).catch(() => seen);
      return seen?.status === 'completed' || seen?.status === 'paused' || seen?.status === 'draft';
    },
    COMPLETED_WITHIN_SECONDS,
  ).catch((error: unknown) => {
    throw new Error(`it was not completed: ${JSON.stringify(seen)}`, { cause: error });
  });
};

interface Acted {
  readonly answers: Map<string, number>;
  readonly done: Set<number>;
}

/** An operator changes a device that is not in the campaign, again and again: what was answered 200 is done. */
const changeAside = async ({ id }: BenchDevice, signal: AbortSignal): Promise<Acted> => {
  const operator = caller(1);
  const acted: Acted = { answers: new Map(), done: new Set() };
  for (let n = 1; !signal.aborted; n += 1) {
    let words = 'no answer';
    try {
      words = wordsOf(await operator.call('PATCH', `/devices/${id}/configuration/desired`, { note: n }));
    } catch {
      // The gateway is not killed: it always answers.
    }
    acted.answers.set(words, (acted.answers.get(words) ?? 0) + 1);
    if (words === '200') acted.done.add(n);
    await delay(OPERATOR_EVERY_MS);
  }
  operator.close();
  return acted;
};

const changesOf = async (
  database: pg.Client,
  { id }: BenchDevice,
  done: ReadonlySet<number>,
): Promise<number> => {
  const { rows } = await database.query<{ note: number }>(
    `SELECT (data->'changes'->'note'->>'to')::integer AS note FROM configuration.events
     WHERE tenant_id = 'default' AND stream = 'configuration-' || $1 AND type = 'DesiredConfigurationChanged'`,
    [id],
  );
  return rows.filter(({ note }) => done.has(note)).length;
};

const tableOfAnswers = ({ answers, phases, rest }: Watched, acts: ReadonlyMap<string, number>): string => {
  const textOf = (map: ReadonlyMap<string, number>): string =>
    [...map].map(([words, n]) => `${n} × ${words}`).join(', ');
  return [
    markdownTable(
      ['what an operator was told', 'answers'],
      [
        ['`GET` campaign and statistics', textOf(answers)],
        ['`PATCH` desired of another device', textOf(acts)],
      ],
    ),
    '',
    markdownTable(
      ['phase', 'seen', 'its words, last'],
      [...phases].map(([phase, { times, detail }]) => [phase, String(times), detail]),
    ),
    '',
    `Longest time without one more device synchronised: ${(rest.ms / 1_000).toFixed(1)} s, phases meanwhile: ${rest.phases.join(', ')}.`,
  ].join('\n');
};
