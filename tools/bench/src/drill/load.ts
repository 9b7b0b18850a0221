import { setTimeout as delay } from 'node:timers/promises';
import { SERVICES } from '@muster/launcher';
import type pg from 'pg';
import { answerDocuments, documentsOf, expectedOf, hasAnswered, type Connected } from '../campaign-fleet.js';
import { isAsWanted, recount, type Counted } from '../campaign-recount.js';
import { CampaignWatch, type SeenCampaign, type Watched } from '../campaign-watch.js';
import { DEADLINE_SECONDS, waitFor } from '../parts.js';
import { call, provision, runName, type BenchDevice } from '../platform.js';
import { connectSenders, countSamples, sendSteadily, type Samples, type Sender } from '../samples.js';
import { startFlow, type Flow } from '../steady-flow.js';
import { commandsOf, lostOf, openParked, uplinkKinds } from '../uplink-kinds.js';
import { countRounds, startRound, watchRound, type Round } from './jobs.js';
import { startPushes, timesRecorded, type Push } from './pushes.js';
import { askEverything, type Asking } from './rest-probes.js';

/** Of the kinds of messages that devices wait to be answered. */
const FLOW_DEVICES = 10;
/** Of what `npm run bench -- domains` sends. */
const FLOW_PACE = 0.1;
const SAMPLES_PER_SECOND = 40;
const BATCHES = 5;
/** Devices that jobs change, in chunks of 500. */
const JOB_DEVICES = Number(process.env['BENCH_JOB_DEVICES'] ?? 1_500);
/** So many requests of a device may be under way and are told apart. */
const REQUEST_IDS = 10_000;

export interface LoadOptions {
  readonly devices: number;
  readonly connected: number;
  /** So long writing the campaign takes alone. */
  readonly writingSeconds: number;
  /** Which are asked by the operator; default: all that can be. */
  readonly services?: readonly string[];
}

/** What an operator, an integrator's devices and jobs did while it went on. */
export interface Outcome {
  readonly counted: readonly Counted[];
  readonly samples: Samples;
  readonly asked: readonly Asking[];
  readonly pushes: readonly Push[];
  readonly flows: readonly Flow[];
  readonly rounds: readonly Round[];
  readonly watched: Watched;
}

/**
 * Everything at once, for drills: devices send samples by QoS 1, others wait for the answers to what they send, a campaign
 * is written, an operator asks every service and changes a device, and jobs are begun when the drill says so. `end` lets it
 * come to rest and counts all of it.
 */
export class Load {
  private readonly rounds: Round[] = [];
  private readonly watches: Promise<void>[] = [];

  private constructor(
    private readonly options: LoadOptions,
    private readonly run: string,
    private readonly parkedBefore: number,
    readonly senders: readonly Sender[],
    readonly fleet: readonly Connected[],
    readonly flows: readonly Flow[],
    readonly flowDevices: readonly BenchDevice[],
    /** The device that the operator changes. */
    readonly aside: BenchDevice,
    private readonly pushing: Awaited<ReturnType<typeof startPushes>>,
    private readonly asking: Promise<readonly Asking[]>,
    private readonly sampling: Promise<void>,
    private readonly watching: Promise<Watched>,
    readonly campaignId: string,
    private readonly ending: { readonly acts: AbortController; readonly watch: AbortController },
  ) {}

  static async begin(name: string, options: LoadOptions): Promise<Load> {
    const parkedBefore = await openParked();
    const run = runName(name);
    const devices = await provision(run, options.devices);
    await provision(`${run}-jobs`, JOB_DEVICES);
    const flowDevices = await provision(`${run}-flows`, FLOW_DEVICES);
    const [aside] = await provision(`${run}-aside`, 1);
    if (aside === undefined) throw new Error('one was provisioned');
    const senders = await connectSenders(run, devices.slice(0, options.connected));
    const fleet = await answerDocuments(senders);
    const kinds = uplinkKinds(await commandsOf(flowDevices)).map((kind) => ({
      ...kind,
      perSecond: kind.perSecond * FLOW_PACE,
    }));
    const acts = new AbortController();
    const watch = new AbortController();
    const pushing = await startPushes(run, aside, acts.signal);
    const flows = await Promise.all(kinds.map((kind) => startFlow(run, kind, flowDevices, REQUEST_IDS)));
    const campaignId = await launch(run, options);
    return new Load(
      options,
      run,
      parkedBefore,
      senders,
      fleet,
      flows,
      flowDevices,
      aside,
      pushing,
      askEverything(aside, options.services ?? SERVICES, acts.signal),
      sendSteadily(senders, SAMPLES_PER_SECOND, acts.signal),
      new CampaignWatch(campaignId, options.devices).until(watch.signal),
      campaignId,
      { acts, watch },
    );
  }

  get pushes(): readonly Push[] {
    return this.pushing.pushes;
  }

  /** Jobs over devices of their own. Resolves when they are accepted. */
  async startJobs(): Promise<Round> {
    const round = await startRound(`${this.run}-jobs`, `round_${this.rounds.length + 1}`);
    this.rounds.push(round);
    this.watches.push(watchRound(round));
    return round;
  }

  /** How many of the devices that send samples are connected. */
  get connected(): number {
    return this.senders.filter(({ client }) => client.connected).length;
  }

  /** Every device is connected: what a drill waits for before it does the next harm. */
  isConnected(): boolean {
    return this.connected === this.senders.length;
  }

  /** Nothing more is sent, changed or asked. */
  async rest(): Promise<void> {
    this.ending.acts.abort();
    await this.sampling;
    await this.pushing.changed;
    for (const flow of this.flows) await flow.stop();
  }

  /** It rests, and what it began comes to its end. */
  async calm(): Promise<void> {
    await this.campaignCompleted();
    await settled('every document to be answered', () => this.fleet.every(hasAnswered));
    await this.rest();
    await Promise.all(this.watches);
    await settled('every sample to be acknowledged', () =>
      this.senders.every(({ acknowledged, sent }) => acknowledged.size === sent),
    );
  }

  /** What an operator and devices saw. After `calm`. */
  async seen(): Promise<Omit<Outcome, 'counted' | 'samples'>> {
    this.ending.watch.abort();
    const { pushes, flows, rounds } = this;
    return { watched: await this.watching, asked: await this.asking, pushes, flows, rounds };
  }

  /** It comes to its end; then all of it is counted. */
  async end(database: pg.Client): Promise<Outcome> {
    await this.calm();
    // Pushes, answers and numbers may still be on their way; what is wrong at the deadline stays wrong.
    const deadline = Date.now() + DEADLINE_SECONDS * 1_000;
    let counted = await this.count(database);
    while (!counted.every(isAsWanted) && Date.now() < deadline) {
      await delay(1_000);
      counted = await this.count(database);
    }
    const samples = await countSamples(this.senders);
    const seen = await this.seen();
    return {
      ...seen,
      samples,
      counted: [
        ...counted,
        ['samples that were never acknowledged', 0, samples.sent - samples.acknowledged],
        ['acknowledged samples that are not stored', 0, samples.missing],
        ['samples stored twice', 0, samples.twice],
        ['figures and states of the campaign that cannot be', 0, seen.watched.wrong.size],
      ],
    };
  }

  async close(): Promise<void> {
    this.ending.acts.abort();
    this.ending.watch.abort();
    for (const flow of this.flows) {
      await flow.stop();
      await flow.close();
    }
    await this.pushing.close();
    await Promise.all(this.senders.map(({ client }) => client.endAsync(true)));
  }

  private async count(database: pg.Client): Promise<Counted[]> {
    const { pushes, aside } = this;
    const lost = await lostOf(this.flows, this.flowDevices);
    const times = await timesRecorded(database, aside);
    const done = pushes.filter(({ words }) => words === '200');
    const last = pushes.at(-1);
    return [
      ...(await this.countCampaign(database)),
      ...(await this.countJobs(database)),
      ...this.flows.map(({ kind }): Counted => [`${kind.name}: lost`, 0, lost[kind.name] ?? 0]),
      [
        'messages that were never acknowledged',
        0,
        this.flows.reduce(
          (sum, { asked }) => sum + asked.filter((one) => one.acknowledgedAt === undefined).length,
          0,
        ),
      ],
      [
        'messages answered with an error',
        0,
        this.flows.reduce((sum, { asked }) => sum + asked.filter(({ refused }) => refused).length, 0),
      ],
      [
        "an operator's changes: answered 200, and in the events once",
        done.length,
        done.filter(({ n }) => times.get(n) === 1).length,
      ],
      ['the last of them at its device', 'yes', last?.hadAt === undefined ? 'no' : 'yes'],
      ['parked', 0, await this.parked()],
    ];
  }

  /** Of its devices, and what they hold. */
  async countCampaign(database: pg.Client): Promise<Counted[]> {
    const { campaignId, fleet, options } = this;
    return [
      ...(await recount(database, { campaignId, ...expectedOf(fleet, options.devices, BATCHES) })),
      ...(await documentsOf(database, fleet)),
    ];
  }

  /** Messages set aside since it began. */
  async parked(): Promise<number> {
    return (await openParked()) - this.parkedBefore;
  }

  countJobs(database: pg.Client): Promise<Counted[]> {
    return countRounds(database, this.rounds, JOB_DEVICES);
  }

  /** Or has had the time for it: the count tells. */
  async campaignCompleted(): Promise<void> {
    let seen: SeenCampaign | undefined;
    await settled('the campaign to be completed', async () => {
      seen = await call<SeenCampaign>('GET', `/campaigns/${this.campaignId}`).catch(() => seen);
      return seen?.status === 'completed';
    });
  }
}

/** What is not so at the deadline is told by the count. */
const settled = (what: string, condition: () => boolean | Promise<boolean>): Promise<void> =>
  waitFor(what, condition).catch(() => undefined);

const launch = async (run: string, { devices, writingSeconds }: LoadOptions): Promise<string> => {
  const { id } = await call<{ id: string }>('POST', '/campaigns', {
    name: run,
    target: { filter: `deviceType==${run}` },
    configurations: { firmware_version: '1.1', firmware_url: 'https://example.com/fw/v1_1.bin' },
    batches: Array.from({ length: BATCHES }, () => ({ percent: 100 / BATCHES })),
    ratePerMinute: Math.ceil((devices * 60) / writingSeconds),
    retries: { max: 5, firstAfterSeconds: 1 },
  });
  await call('POST', `/campaigns/${id}/launch`, { expectedCount: devices });
  return id;
};
