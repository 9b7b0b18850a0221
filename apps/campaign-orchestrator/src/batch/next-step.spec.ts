import { describe, expect, it } from '@jest/globals';
import { AppError, type Actor } from '@muster/contracts';
import {
  CAMPAIGN_OUTCOMES,
  CAMPAIGN_PHASES,
  TARGET_STATUSES,
  type TargetStatus,
} from '@muster/contracts/campaign-orchestrator/campaign';
import type { DeviceState } from '@muster/contracts/configuration/campaign.requests';
import fc from 'fast-check';
import { campaign as decider } from '../campaign/campaign.decider.js';
import type { CampaignCommand } from '../campaign/campaign-commands.js';
import type { Campaign } from '../campaign/campaign-state.js';
import type { CampaignDefinition, StoredBatch, StoredGate } from '../campaign/campaign.events.js';
import { ended, evaluate, expire, isFinal, offered, type Target, type Wanted } from '../target/target.js';
import { countedOf, statusCounts, sumOf, type Counted, type Counts } from './counts.js';
import { nextStep, retriesAt, type NextStep, type Situation } from './next-step.js';
import { planBatches } from './plan-batches.js';

const START = Date.UTC(2026, 10, 28, 12);
const END_SECONDS = 30 * 86_400;
const anna: Actor = { kind: 'user', id: 'anna' };
const at = (seconds: number): string => new Date(START + seconds * 1_000).toISOString();

const gateOf = (of: Partial<StoredGate> = {}): StoredGate => ({
  minSuccessPercent: null,
  maxFailurePercent: 20,
  minSettled: 50,
  soakSeconds: 0,
  maxWaitSeconds: null,
  offline: 'exclude',
  ...of,
});
const batchOf = (of: Partial<StoredBatch> = {}): StoredBatch => ({
  share: { percent: 100 },
  release: 'auto',
  gate: null,
  recentlySeenFirst: false,
  ...of,
});
const definitionOf = (of: Partial<CampaignDefinition> = {}): CampaignDefinition => ({
  name: 'Rollout',
  description: null,
  target: { filter: '' },
  configurations: { firmware_version: '1.1' },
  expectedStates: {},
  expectedFrom: 'any',
  batches: [batchOf()],
  spacingSeconds: 0,
  startAt: null,
  endAt: null,
  window: null,
  ratePerMinute: 1_000,
  maxInFlight: null,
  deadlineSeconds: 3_600,
  retries: { max: 2, firstAfterSeconds: 60 },
  failureThreshold: null,
  waitForDevices: false,
  onConflict: 'reject',
  revertOf: null,
  ...of,
});

type Habit = 'obeys' | 'refuses' | 'busy' | 'silent' | 'applies only';

interface Device {
  readonly id: string;
  readonly habit: Habit;
  /** It asks for its document, and is sent none. */
  readonly fetches: boolean;
  online: boolean;
  state: DeviceState;
}

interface Row extends Target {
  readonly device: Device;
  readonly batch: number;
}

/** A campaign, its rows and devices, in memory. What the engine does with tables and requests is done here with fields. */
class World {
  state: Campaign = decider.initial;
  seconds = 0;
  away = false;
  /** Documents for devices in a hub wait for its throttle. */
  limited: Situation['limited'] = null;
  /** The next hand-over reaches `configuration`, and its answer is lost: the process was killed, or did not wait long enough. */
  loses = false;
  rows: Row[] = [];
  last: NextStep = { action: null, phase: null, nextAt: null };
  /** Of all that has happened: types of events, phases, outcomes and statuses of targets. */
  readonly seen = new Set<string>();
  private version = 1;

  constructor(
    readonly definition: CampaignDefinition,
    readonly devices: readonly Device[],
  ) {
    this.command({ type: 'CreateCampaign', definition, by: anna, at: this.now });
    this.launch();
  }

  get now(): string {
    return at(this.seconds);
  }

  get wanted(): Wanted {
    const { configurations, expectedStates, expectedFrom, deadlineSeconds, retries } = this.definition;
    const asOf = at(0);
    return {
      campaignId: 'c1',
      values: configurations,
      ...{ expectedStates, expectedFrom, deadlineSeconds, retries, asOf, overruled: [] },
    };
  }

  launch(): void {
    const defaultEndAt = at(END_SECONDS);
    const launchId = 'l1';
    this.command({
      type: 'LaunchCampaign',
      launchId,
      by: anna,
      expectedCount: null,
      defaultEndAt,
      at: this.now,
    });
  }

  command(command: CampaignCommand): void {
    const events = decider.decide(command, this.state);
    for (const { type } of events) this.seen.add(type);
    this.state = events.reduce(decider.evolve, this.state);
    if (this.state.outcome !== null) this.seen.add(this.state.outcome);
  }

  /** What an operator wants, be it refused. */
  operator(command: CampaignCommand): void {
    try {
      this.command(command);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    }
  }

  counts(): Counts[] {
    const all: Partial<Record<Counted, number>>[] = this.definition.batches.map(() => ({}));
    for (const row of this.rows) {
      const counts = all[row.batch - 1] ?? {};
      for (const counted of countedOf(row)) counts[counted] = (counts[counted] ?? 0) + 1;
    }
    return all;
  }

  situation(): Situation {
    const open = this.rows.filter(({ status }) => !isFinal(status));
    return {
      campaign: this.state,
      counts: this.counts(),
      handedOver: this.handedOver(),
      now: this.now,
      limited: this.limited,
      away: this.away ? { detail: 'configuration is away.', until: at(this.seconds + 5) } : null,
      pacedUntil: null,
      deadlineAt: open.flatMap(({ deadlineAt }) => deadlineAt ?? []).sort()[0] ?? null,
      retryAt: open.flatMap(({ retryAt }) => retryAt ?? []).sort()[0] ?? null,
    };
  }

  private handedOver(): number {
    return this.rows.filter(({ operation }) => operation !== null).length;
  }

  /** What was handed over is asked for again, under the same id: it is not written again. */
  private finishWrites(): void {
    this.rows = this.rows.map((row) =>
      row.operation === null
        ? row
        : { ...row, ...(isFinal(row.status) ? {} : offered(row, row.attempts + 1)), operation: null },
    );
  }

  /** Until there is nothing to do. Returns how many steps it took. */
  run(): number {
    for (let steps = 0; steps < 1_000; steps += 1) {
      this.due();
      this.look();
      this.last = nextStep(this.situation());
      if (this.last.phase !== null) this.seen.add(this.last.phase.name);
      for (const { status } of this.rows) this.seen.add(status);
      if (this.last.action === null) return steps;
      this.act(this.last.action);
    }
    throw new Error(`it never comes to rest: ${JSON.stringify(this.last)}`);
  }

  /** Devices say what they say; what the campaign sees of it. */
  look(): void {
    this.rows = this.rows.map((row) => {
      const chance = 0.5;
      const next = evaluate(row, this.wanted, row.device.state, { now: this.now, chance });
      return next === null ? row : { ...row, ...next };
    });
  }

  private due(): void {
    if (!this.away) this.finishWrites();
    this.end(
      'cancelled',
      ({ device, operation, status }) =>
        status !== 'planned' && operation === null && this.state.excluded.includes(device.id),
    );
    this.end(
      'skipped',
      ({ device, operation, status }) =>
        status === 'planned' && operation === null && this.state.excluded.includes(device.id),
    );
    const situation = this.situation();
    const from = situation.retryAt === null ? null : retriesAt(situation, situation.retryAt);
    const mayRetry = from !== null && from <= this.now;
    this.rows = this.rows.map((row) => {
      const expired = expire(row, this.now);
      if (expired !== null) return { ...row, ...expired };
      const isDue = row.status === 'retry_wait' && row.retryAt !== null && row.retryAt <= this.now;
      if (!isDue || !mayRetry) return row;
      delete row.device.state.confirmed;
      delete row.device.state.sent;
      this.deliver(row.device);
      return { ...row, ...offered(row, row.attempts + 1) };
    });
  }

  private act(action: NonNullable<NextStep['action']>): void {
    const { now } = this;
    switch (action.type) {
      case 'snapshot': {
        const sizes = planBatches(
          this.devices.length,
          this.definition.batches.map(({ share }) => ('percent' in share ? share : { count: 1 })),
        );
        this.rows = sizes.flatMap((size, place) => {
          const first = sizes.slice(0, place).reduce((sum, one) => sum + one, 0);
          return this.devices.slice(first, first + size).map((device) => rowOf(device, place + 1));
        });
        const batches = sizes.map((size, place) => ({ size, jobId: `j${place}` }));
        const ids = { launchId: 'l1', jobId: 'j', supervisionId: 's' };
        this.command({
          type: 'ResolveTargets',
          ...ids,
          total: this.rows.length,
          targets: {},
          batches,
          at: now,
        });
        return;
      }
      case 'write': {
        let left = action.most;
        const operation = this.loses ? 'o1' : null;
        if (this.loses) this.away = true;
        this.loses = false;
        this.rows = this.rows.map((row) => {
          if (row.batch !== action.batch || row.status !== 'planned' || left === 0) return row;
          left -= 1;
          this.want(row.device, '1.1', { kind: 'campaign', id: 'c1' });
          return operation === null ? { ...row, ...offered(row, 1) } : { ...row, operation };
        });
        return;
      }
      case 'finish-writes':
        this.finishWrites();
        return;
      case 'release': {
        this.command({ type: 'ReleaseByItself', index: action.batch, at: now });
        return;
      }
      case 'dispatched': {
        this.command({ type: 'RecordBatchDispatched', index: action.batch, at: now });
        return;
      }
      case 'synchronised': {
        this.command({ type: 'RecordBatchSynchronised', index: action.batch, at: now });
        return;
      }
      case 'gate': {
        const { batch: index, answer, numbers } = action;
        this.command({ type: 'RecordGate', index, answer, numbers, at: now });
        return;
      }
      case 'pass': {
        this.command({ type: 'PassBatch', index: action.batch, at: now });
        return;
      }
      case 'hold': {
        this.command({ type: 'HoldByThreshold', detail: action.detail, at: now });
        return;
      }
      case 'cancel-targets': {
        this.end('cancelled', (row) => action.which === 'all' || !isInFlight(row));
        return;
      }
      case 'end-targets': {
        this.end('skipped', ({ status }) => status === 'planned');
        this.end('timed_out', () => true);
        return;
      }
      case 'finish-cancel':
        this.end('cancelled', () => true);
        {
          this.command({ type: 'FinishCancel', targets: statusCounts(sumOf(this.counts())), at: now });
          return;
        }
      case 'complete': {
        const targets = statusCounts(sumOf(this.counts()));
        this.command({ type: 'CompleteCampaign', outcome: action.outcome, targets, at: now });
        return;
      }
      case 'settle': {
        const targets = statusCounts(sumOf(this.counts()));
        this.command({ type: 'SettleCampaign', outcome: action.outcome, targets, at: now });
        return;
      }
    }
  }

  private end(status: TargetStatus, which: (row: Row) => boolean): void {
    const reason = { code: 'ended', origin: 'campaign' } as const;
    this.rows = this.rows.map((row) =>
      isFinal(row.status) || !which(row)
        ? row
        : { ...row, ...ended(row, status, this.now, reason), operation: null },
    );
  }

  /** Another campaign takes the device, be its value on its way or not. */
  take(device: Device): void {
    const reason = { code: 'campaign-superseded', origin: 'campaign' } as const;
    this.rows = this.rows.map((row) =>
      row.device !== device || isFinal(row.status)
        ? row
        : { ...row, ...ended(row, 'superseded', this.now, reason) },
    );
  }

  // ---- devices

  want(device: Device, value: string, by: Actor): void {
    const desired = { firmware_version: { value, origin: 'device' as const, at: this.now, by } };
    this.version += 1;
    device.state = { ...device.state, desired, configId: `doc ${this.version}` };
    delete device.state.confirmed;
    delete device.state.sent;
    this.deliver(device);
  }

  deliver(device: Device, asked = !device.fetches): void {
    const { configId } = device.state;
    if (!asked) return;
    const { now } = this;
    device.state = {
      ...device.state,
      sent: { configId, subscriber: device.online, at: now, ...(device.online ? { reachedAt: now } : {}) },
    };
  }

  /** It does what it does with the document it was sent. */
  answer(device: Device): void {
    const { sent, configId, desired } = device.state;
    if (!device.online || sent?.reachedAt === undefined || sent.configId !== configId) return;
    const rejections = { refuses: 400, busy: 503 } as const;
    if (device.habit === 'refuses' || device.habit === 'busy') {
      const rejection = { statusCode: rejections[device.habit] };
      device.state = { ...device.state, confirmed: { at: this.now, rejection } };
    } else if (device.habit === 'obeys' || device.habit === 'applies only') {
      const value = device.habit === 'obeys' ? (desired['firmware_version']?.value ?? null) : 'old';
      device.state = {
        ...device.state,
        confirmed: { at: this.now },
        reported: { firmware_version: { value, at: this.now, statedAt: this.now } },
      };
    }
  }

  connect(device: Device): void {
    device.online = true;
    if (device.state.sent !== undefined && device.state.sent.reachedAt === undefined) this.deliver(device);
  }
}

const isInFlight = ({ status, synced }: Row): boolean =>
  (status === 'written' && !synced) || status === 'dispatched' || status === 'acknowledged';

const deviceOf = (nth: number, habit: Habit = 'obeys', online = true, fetches = false): Device => ({
  id: `d${nth}`,
  habit,
  ...{ online, fetches },
  state: {
    deviceId: `d${nth}`,
    ended: false,
    version: 1,
    configId: 'doc 0',
    desired: {},
    withdrawn: {},
    reported: {},
  },
});
const fleet = (n: number, habit: Habit = 'obeys'): Device[] =>
  Array.from({ length: n }, (_none, nth) => deviceOf(nth, habit));

const rowOf = (device: Device, batch: number): Row => ({
  device,
  batch,
  interface: device.fetches ? 'http' : 'mqtt',
  operation: null,
  configId: null,
  status: 'planned',
  attempts: 0,
  dispatchedAt: null,
  acknowledgedAt: null,
  finishedAt: null,
  deadlineAt: null,
  retryAt: null,
  synced: false,
  late: false,
  reason: null,
});

const statuses = ({ rows }: World): TargetStatus[] => rows.map(({ status }) => status);
const allAnswer = (world: World): void => {
  for (const device of world.devices) world.answer(device);
  world.run();
};

describe('a campaign', () => {
  it('of one batch is completed when every device is written and synchronised; they settle afterwards', () => {
    const world = new World(definitionOf(), fleet(3));
    world.run();
    expect(world.state).toMatchObject({ status: 'completed', outcome: 'unsettled' });
    expect(statuses(world)).toEqual(['dispatched', 'dispatched', 'dispatched']);
    allAnswer(world);
    expect(statuses(world)).toEqual(['succeeded', 'succeeded', 'succeeded']);
    expect(world.state.outcome).toBe('succeeded');
    expect(world.last).toEqual({ action: null, phase: null, nextAt: null });
  });

  it('says that it has failures as soon as one is certain, be it completed long since', () => {
    const world = new World(definitionOf(), [deviceOf(0, 'refuses'), deviceOf(1, 'silent'), deviceOf(2)]);
    world.run();
    expect(world.state.outcome).toBe('unsettled');
    allAnswer(world);
    expect(statuses(world)).toEqual(['failed', 'dispatched', 'succeeded']);
    expect(world.state.outcome).toBe('completed_with_failures');
  });

  it('whose devices never answer has not succeeded when its end comes', () => {
    const world = new World(definitionOf(), [deviceOf(0), deviceOf(1, 'obeys', false)]);
    world.run();
    allAnswer(world);
    expect(world.state.outcome).toBe('unsettled');
    world.seconds = END_SECONDS;
    world.run();
    expect(statuses(world)).toEqual(['succeeded', 'timed_out']);
    expect(world.state.outcome).toBe('completed_with_failures');
  });

  it('whose end comes before all its batches went has not succeeded', () => {
    const batches = [batchOf({ share: { percent: 50 } }), batchOf({ release: 'manual' })];
    const world = new World(definitionOf({ batches }), fleet(2));
    world.run();
    allAnswer(world);
    world.seconds = END_SECONDS;
    world.run();
    expect(world.state).toMatchObject({
      ...{ status: 'completed', outcome: 'completed_with_failures' },
      batches: [{ status: 'passed' }, { status: 'skipped' }],
    });
  });

  it('has a gate wait for devices that fetch and have not asked, and not for those that are away', () => {
    const batches = [batchOf({ gate: gateOf(), share: { percent: 50 } }), batchOf()];
    const devices = [deviceOf(0), deviceOf(1, 'obeys', false), deviceOf(2, 'obeys', true, true), ...fleet(3)];
    const world = new World(definitionOf({ batches }), devices);
    world.run();
    allAnswer(world);
    expect(world.last.phase).toMatchObject({
      name: 'awaiting_gate',
      detail: 'Batch 1: its gate is judged when 2 devices have settled; so far 1 of 3.',
    });
    const [, , fetching] = devices;
    if (fetching === undefined) throw new Error('no such device');
    world.deliver(fetching, true);
    allAnswer(world);
    expect(world.state.batches[0]).toMatchObject({ status: 'passed', verdict: { answer: 'pass' } });
  });

  it('gives no place in flight to who is away or has not asked; they take theirs when the document reaches them', () => {
    const [away, fetching, there, last] = [
      deviceOf(0, 'silent', false),
      deviceOf(1, 'silent', true, true),
      ...fleet(2, 'silent'),
    ] as [Device, Device, Device, Device];
    const world = new World(definitionOf({ maxInFlight: 1 }), [away, fetching, there, last]);
    world.run();
    expect(statuses(world)).toEqual(['written', 'written', 'dispatched', 'planned']);
    world.connect(away);
    world.deliver(fetching, true);
    world.run();
    expect(statuses(world)).toEqual(['dispatched', 'dispatched', 'dispatched', 'planned']);
    expect(world.last.phase?.detail).toBe(
      'Batch 1: 3 of 4 devices written. 3 devices in flight; more go when there are fewer than 1.',
    );
  });

  it('waits for its devices where it is told to, and says so', () => {
    const world = new World(definitionOf({ waitForDevices: true }), fleet(3));
    world.run();
    expect(world.state.status).toBe('running');
    expect(world.last).toMatchObject({
      // It is looked at when the deadline of a device has come; when it goes on, nobody knows.
      phase: {
        name: 'awaiting_devices',
        detail: 'Every batch is done; 3 devices have not settled yet.',
        nextAt: null,
      },
      nextAt: at(3_600),
    });
    allAnswer(world);
    expect(world.state.status).toBe('completed');
  });

  it('waits for an operator, then goes on by itself with its spacing', () => {
    const batches = [{ percent: 34 }, { percent: 33 }, { percent: 33 }].map((share, nth) =>
      batchOf({ share, release: nth === 0 ? 'manual' : 'auto' }),
    );
    const world = new World(definitionOf({ batches, spacingSeconds: 600 }), fleet(9));
    world.run();
    expect(world.last).toMatchObject({
      phase: { name: 'awaiting_operator', nextAt: null },
      nextAt: at(END_SECONDS),
    });
    world.seconds = 100;
    world.operator({ type: 'ReleaseBatch', index: 1, by: anna, at: world.now });
    world.run();
    expect(world.last).toMatchObject({
      phase: { name: 'awaiting_spacing', nextAt: at(700) },
      nextAt: at(700),
    });
    world.seconds = 699;
    expect(world.run()).toBe(0);
    // Down for hours: only the next batch goes, and the spacing begins anew.
    world.seconds = 7_200;
    world.run();
    expect(world.state.batches.map(({ status }) => status)).toEqual(['passed', 'passed', 'waiting']);
    expect(world.last.nextAt).toBe(at(7_800));
  });

  it('writes within its window only', () => {
    const window = { timeZone: 'UTC', from: '14:00', to: '15:00', days: null };
    const world = new World(definitionOf({ window }), fleet(3));
    world.run();
    expect(world.last).toMatchObject({ phase: { name: 'outside_window' }, nextAt: at(7_200) });
    world.seconds = 7_200;
    world.run();
    expect(world.state.status).toBe('completed');
  });

  it('has no more in flight than it may', () => {
    const world = new World(definitionOf({ maxInFlight: 2 }), fleet(5));
    world.run();
    expect(statuses(world).filter((status) => status === 'dispatched')).toHaveLength(2);
    expect(world.last.phase?.detail).toBe(
      'Batch 1: 2 of 5 devices written. 2 devices in flight; more go when there are fewer than 2.',
    );
    allAnswer(world);
    expect(statuses(world).filter((status) => status === 'dispatched')).toHaveLength(2);
  });

  it('is paused by a gate that fails, before the rest of the batch is told', () => {
    const batches = [batchOf({ gate: gateOf({ minSettled: 10 }) })];
    const world = new World(definitionOf({ batches, maxInFlight: 10 }), fleet(100, 'refuses'));
    world.run();
    allAnswer(world);
    expect(world.state).toMatchObject({ status: 'paused', pause: { reason: 'gate-failed' } });
    expect(statuses(world).filter((status) => status === 'planned')).toHaveLength(90);
  });

  it('is paused by its threshold, and goes on when an operator says that it does not count', () => {
    const failureThreshold = { maxFailurePercent: 10, minSettled: 5 };
    const world = new World(definitionOf({ failureThreshold, maxInFlight: 5 }), fleet(20, 'refuses'));
    world.run();
    allAnswer(world);
    expect(world.state.pause?.detail).toBe(
      '5 of 5 settled devices (100.0 %) have failed or timed out; at most 10 % may.',
    );
    world.operator({ type: 'ResumeCampaign', overrideGate: true, by: anna, at: world.now });
    world.run();
    expect(statuses(world).filter((status) => status === 'dispatched')).toHaveLength(5);
  });

  it('waits for a service that is away, and says until when', () => {
    const world = new World(definitionOf(), fleet(3));
    world.away = true;
    world.run();
    expect(world.last).toMatchObject({
      phase: { name: 'awaiting_service', detail: 'configuration is away.' },
      nextAt: at(5),
    });
    world.away = false;
    world.run();
    expect(world.state.status).toBe('completed');
  });

  it('waits for an interface that does not take the documents, and says so when that takes long', () => {
    const world = new World(definitionOf(), fleet(2));
    const deliver = world.deliver.bind(world);
    world.deliver = () => undefined;
    world.run();
    const detail = 'Batch 1: the interfaces of 2 devices have not taken the document yet.';
    expect(world.last).toMatchObject({ phase: { name: 'dispatching', detail }, nextAt: at(10) });
    world.seconds = 10;
    world.run();
    expect(world.last.phase).toMatchObject({ name: 'awaiting_service', detail });
    for (const device of world.devices) deliver(device);
    world.run();
    expect(world.state.status).toBe('completed');
  });

  it('limited by a hub, says so and until about when, and looks again before', () => {
    const world = new World(definitionOf(), fleet(2));
    const deliver = world.deliver.bind(world);
    world.deliver = () => undefined;
    world.limited = { detail: 'Limited by the IoT Hub "factory".', until: at(200) };
    world.run();
    world.seconds = 20;
    world.run();
    const detail =
      'Batch 1: the interfaces of 2 devices have not taken the document yet. Limited by the IoT Hub "factory".';
    const phase = { name: 'dispatching', detail, nextAt: at(200) };
    expect(world.last).toMatchObject({ phase, nextAt: at(30) });
    for (const device of world.devices) deliver(device);
    world.run();
    expect(world.state.status).toBe('completed');
  });

  it('limited by a hub while it writes, says so beside what it waits for', () => {
    const world = new World(definitionOf({ maxInFlight: 1 }), fleet(2));
    world.deliver = () => undefined;
    world.limited = { detail: 'Limited by the IoT Hub "factory".', until: at(200) };
    world.run();
    expect(world.last.phase).toMatchObject({
      name: 'dispatching',
      detail: expect.stringContaining('written. Limited by the IoT Hub "factory". 1 device in flight'),
    });
  });

  it('offers what a busy device refused again, as often as it may, and never what another refused', () => {
    const devices = [deviceOf(0, 'busy'), deviceOf(1, 'refuses')];
    const world = new World(definitionOf({ waitForDevices: true }), devices);
    world.run();
    allAnswer(world);
    expect(statuses(world)).toEqual(['retry_wait', 'failed']);
    expect(world.last.nextAt).toBe(at(75));
    world.seconds = 75;
    world.run();
    allAnswer(world);
    expect(world.last.nextAt).toBe(at(75 + 150));
    world.seconds = 225;
    world.run();
    allAnswer(world);
    expect(statuses(world)).toEqual(['failed', 'failed']);
    expect(world.rows.map(({ attempts, reason }) => [attempts, reason?.code])).toEqual([
      [3, 'status-503'],
      [1, 'status-400'],
    ]);
    expect(world.state).toMatchObject({ status: 'completed', outcome: 'completed_with_failures' });
  });

  it('that is cancelled gently lets finish what is in flight', () => {
    const world = new World(definitionOf({ maxInFlight: 2, waitForDevices: true }), fleet(5));
    world.run();
    world.operator({ type: 'CancelCampaign', mode: 'soft', by: anna, at: world.now });
    world.run();
    expect(world.last.phase?.name).toBe('cancelling');
    allAnswer(world);
    expect(world.state.status).toBe('cancelled');
    expect(statuses(world).sort()).toEqual(['cancelled', 'cancelled', 'cancelled', 'succeeded', 'succeeded']);
  });

  it('that is cancelled gently gives up at once what is away or waits for another try', () => {
    const devices = [deviceOf(0, 'busy'), deviceOf(1, 'obeys', false)];
    const world = new World(definitionOf({ waitForDevices: true }), devices);
    world.run();
    allAnswer(world);
    expect(statuses(world)).toEqual(['retry_wait', 'written']);
    world.operator({ type: 'CancelCampaign', mode: 'soft', by: anna, at: world.now });
    world.run();
    expect(world.state.status).toBe('cancelled');
    expect(statuses(world)).toEqual(['cancelled', 'cancelled']);
  });

  it('whose wait is ended by an operator gives up who has not answered, and is settled', () => {
    const world = new World(definitionOf(), [
      deviceOf(0, 'obeys', true, false),
      deviceOf(1, 'obeys', false, false),
    ]);
    world.run();
    allAnswer(world);
    expect(world.state).toMatchObject({ status: 'completed', outcome: 'unsettled' });
    world.operator({ type: 'EndWait', reason: null, by: anna, at: world.now });
    world.run();
    expect(statuses(world)).toEqual(['succeeded', 'timed_out']);
    expect(world.state.outcome).toBe('completed_with_failures');
    expect(world.last.nextAt).toBeNull();
  });

  it('that is paused offers nothing again until it is resumed', () => {
    const world = new World(definitionOf({ waitForDevices: true }), fleet(1, 'busy'));
    world.run();
    allAnswer(world);
    world.operator({ type: 'PauseCampaign', by: anna, at: world.now });
    world.seconds = 1_000;
    world.run();
    expect(statuses(world)).toEqual(['retry_wait']);
    expect(world.last.nextAt).toBe(at(END_SECONDS));
    world.operator({ type: 'ResumeCampaign', overrideGate: false, by: anna, at: world.now });
    world.run();
    expect(world.rows[0]).toMatchObject({ status: 'dispatched', attempts: 2 });
  });

  it('that is cancelled by force ends at once, and late answers change nothing', () => {
    const world = new World(definitionOf({ waitForDevices: true }), fleet(2));
    world.run();
    world.operator({ type: 'CancelCampaign', mode: 'force', by: anna, at: world.now });
    world.run();
    expect(world.state.status).toBe('cancelled');
    allAnswer(world);
    expect(world.rows.map(({ status, late }) => [status, late])).toEqual([
      ['cancelled', true],
      ['cancelled', true],
    ]);
  });

  it('that waits for an answer gives up no device before it has it, and says so', () => {
    const command = { by: anna, at: at(0) };
    const lost = (): World => {
      const world = new World(definitionOf(), fleet(2));
      world.loses = true;
      world.run();
      return world;
    };
    const answered = (world: World): void => {
      world.away = false;
      world.run();
      expect(world.rows.map(({ attempts }) => attempts)).toEqual([1, 1]);
    };
    const detail = '2 devices handed over and not answered yet. configuration is away.';

    const cancelled = lost();
    cancelled.operator({ type: 'CancelCampaign', mode: 'force', ...command });
    cancelled.run();
    expect(cancelled.last).toMatchObject({ phase: { name: 'cancelling', detail }, nextAt: at(5) });
    answered(cancelled);
    expect(cancelled.state.status).toBe('cancelled');

    const ending = lost();
    ending.seconds = END_SECONDS;
    ending.run();
    const phase = { name: 'awaiting_service', detail };
    expect(ending.last).toMatchObject({ phase, nextAt: at(END_SECONDS + 5) });
    answered(ending);
    expect(ending.state.status).toBe('completed');

    const paused = lost();
    paused.operator({ type: 'PauseCampaign', ...command });
    paused.run();
    expect(paused.last.nextAt).toBe(at(5));
    answered(paused);
  });
});

describe('whatever happens', () => {
  const NEWEST = ['CampaignSettled', 'CampaignWaitEnded', 'TargetExcluded', 'RateChanged', 'BatchHeld'];
  const habit = fc.constantFrom<Habit>(
    'obeys',
    'obeys',
    'refuses',
    'refuses',
    'busy',
    'silent',
    'applies only',
  );
  const often = fc.constantFrom(true, true, true, false);
  const seldom = fc.constantFrom(false, false, false, true);
  const device = fc.record({ habit, online: often, fetches: seldom });
  const gate = fc.option(
    fc.record({
      minSuccessPercent: fc.option(fc.integer({ min: 0, max: 100 })),
      maxFailurePercent: fc.option(fc.integer({ min: 0, max: 100 })),
      minSettled: fc.integer({ min: 1, max: 20 }),
      minSettledPercent: fc.constantFrom(0, 25, 100),
      soakSeconds: fc.constantFrom(0, 60),
      maxWaitSeconds: fc.option(fc.constantFrom(30, 3_600)),
      offline: fc.constantFrom('exclude', 'wait', 'fail'),
    }),
    { freq: 2 },
  );
  const definition = fc
    .record({
      batches: fc.array(
        fc.record({
          percent: fc.integer({ min: 1, max: 60 }),
          release: fc.constantFrom('auto', 'auto', 'manual'),
          gate,
        }),
        { minLength: 0, maxLength: 4 },
      ),
      last: gate,
      spacingSeconds: fc.constantFrom(0, 60, 86_400),
      window: fc.constantFrom(null, null, null, {
        timeZone: 'Europe/Paris',
        from: '22:00',
        to: '04:00',
        days: ['sat', 'mon'],
      }),
      maxInFlight: fc.option(fc.integer({ min: 1, max: 5 }), { freq: 2 }),
      failureThreshold: fc.option(
        fc.record({
          maxFailurePercent: fc.integer({ min: 0, max: 100 }),
          minSettled: fc.integer({ min: 1, max: 9 }),
        }),
        { freq: 2 },
      ),
      waitForDevices: fc.boolean(),
      // The second is after the end.
      deadlineSeconds: fc.constantFrom(3_600, 40 * 86_400),
      expectedStates: fc.constantFrom({}, { firmware_version: '1.1' }),
    })
    .map(({ batches, last, ...rest }) =>
      definitionOf({
        ...(rest as Partial<CampaignDefinition>), // the days are days
        batches: [
          ...batches.map(({ percent, release, gate: own }) =>
            batchOf({ share: { percent }, release: release, gate: own as StoredGate | null }),
          ),
          batchOf({ gate: last as StoredGate | null }),
        ],
      }),
    );
  const going = fc.oneof(
    fc.record({ type: fc.constant('time'), seconds: fc.constantFrom(1, 30, 100, 4_000, 90_000) }),
    fc.record({ type: fc.constantFrom('nextAt', 'nextAt', 'back', 'back', 'away', 'lose') }),
    fc.record({ type: fc.constantFrom('connect', 'leave', 'ask', 'answer', 'answer'), nth: fc.nat(30) }),
    fc.record({ type: fc.constantFrom('pause', 'resume', 'override') }),
    fc.record({ type: fc.constant('answers') }),
    fc.record({ type: fc.constant('release'), nth: fc.nat(5) }),
  );
  /** Rare, or nothing would be left that could answer. */
  const ending = fc.record({
    type: fc.constantFrom('change', 'delete', 'take', 'exclude', 'rate', 'settle', 'settle', 'soft', 'force'),
    nth: fc.nat(30),
  });
  const event = fc.oneof({ weight: 12, arbitrary: going }, { weight: 1, arbitrary: ending });

  const happen = (world: World, what: { type: string; seconds?: number; nth?: number }): void => {
    const { now } = world;
    const one = world.devices[(what.nth ?? 0) % world.devices.length];
    const by = anna;
    switch (what.type) {
      case 'time':
        world.seconds += what.seconds ?? 0;
        return;
      case 'nextAt':
        if (world.last.nextAt !== null) advance(world, world.last.nextAt);
        return;
      case 'away':
      case 'back':
        world.away = what.type === 'away';
        return;
      case 'lose':
        world.loses = true;
        return;
      case 'answers':
        for (const device of world.devices) world.answer(device);
        return;
      case 'pause': {
        world.operator({ type: 'PauseCampaign', by, at: now });
        return;
      }
      case 'resume':
      case 'override': {
        world.operator({
          type: 'ResumeCampaign',
          overrideGate: what.type === 'override',
          by,
          at: now,
        });
        return;
      }
      case 'soft':
      case 'force': {
        world.operator({ type: 'CancelCampaign', mode: what.type, by, at: now });
        return;
      }
      case 'release': {
        world.operator({ type: 'ReleaseBatch', index: (what.nth ?? 0) + 1, by, at: now });
        return;
      }
      case 'settle':
        world.operator({ type: 'EndWait', reason: null, by, at: now });
        return;
      case 'exclude':
        world.operator({ type: 'ExcludeTarget', deviceId: one?.id ?? '', by, at: now });
        return;
      case 'rate':
        world.operator({ type: 'ChangeRate', maxInFlight: (what.nth ?? 0) % 3 || null, at: now });
        return;
    }
    if (one === undefined) return;
    if (what.type === 'connect') world.connect(one);
    if (what.type === 'ask') world.deliver(one, true);
    if (what.type === 'leave') one.online = false;
    if (what.type === 'answer') world.answer(one);
    if (what.type === 'change') world.want(one, `mine ${world.seconds}`, anna);
    if (what.type === 'delete') one.state = { ...one.state, ended: true };
    if (what.type === 'take') world.take(one);
  };

  const advance = (world: World, to: string): void => {
    world.seconds = Math.max(world.seconds, Math.ceil((Date.parse(to) - START) / 1_000));
  };

  const assertVisible = (world: World): void => {
    const { state, last } = world;
    // Completed, and its outcome open: somebody is still awaited, and until when is known.
    if (state.outcome === 'unsettled') {
      expect(world.rows.some(({ status }) => !isFinal(status))).toBe(true);
      expect(last.nextAt).not.toBeNull();
    }
    if (state.status === 'running') {
      expect(last.phase).not.toBeNull();
      expect(last.nextAt).not.toBeNull();
      expect(last.phase?.detail).not.toBe('');
    }
    if (state.status === 'paused') expect(state.pause?.detail).toBeTruthy();
    if (last.nextAt !== null) expect(last.nextAt > world.now).toBe(true);
    for (const { status, reason, finishedAt, attempts, operation, device: one } of world.rows) {
      // What the campaign wrote is on record, or about to be.
      const isWritten = one.state.desired['firmware_version']?.by.kind === 'campaign';
      if (isWritten && status !== 'superseded') expect(attempts > 0 || operation !== null).toBe(true);
      expect(isFinal(status)).toBe(finishedAt !== null);
      if (isFinal(status) && status !== 'succeeded') expect(reason).not.toBeNull();
    }
  };

  /** When nothing can change any more, nobody can misread how it has ended. */
  const assertTrue = (world: World): void => {
    const { status, outcome } = world.state;
    const hasFailed = world.rows.some((row) => row.status === 'failed' || row.status === 'timed_out');
    expect(outcome).not.toBe('unsettled');
    if (outcome === 'succeeded') expect([status, hasFailed]).toEqual(['completed', false]);
  };

  it('nothing is ever stuck without a visible reason, and everything ends', () => {
    let longest = 0;
    const seen = new Set<string>();
    fc.assert(
      fc.property(
        definition,
        fc.array(device, { minLength: 1, maxLength: 12 }),
        fc.array(event, { maxLength: 40, size: 'max' }),
        seldom,
        (defined, devices, events, losesFirst) => {
          const world = new World(
            defined,
            devices.map((one, nth) => deviceOf(nth, one.habit, one.online, one.fetches)),
          );
          world.loses = losesFirst;
          world.run();
          assertVisible(world);
          for (const one of events) {
            happen(world, one);
            longest = Math.max(longest, world.run());
            assertVisible(world);
          }
          // Nobody does anything more: time alone brings it to its end.
          world.away = false;
          world.loses = false;
          for (let wakes = 0; world.last.nextAt !== null || wakes === 0; wakes += 1) {
            if (wakes > 500) throw new Error(`it does not end: ${JSON.stringify(world.last)}`);
            if (world.last.nextAt !== null) advance(world, world.last.nextAt);
            world.run();
            assertVisible(world);
          }
          expect(['completed', 'cancelled']).toContain(world.state.status);
          expect(statuses(world).filter((status) => !isFinal(status))).toEqual([]);
          assertTrue(world);
          for (const one of world.seen) seen.add(one);
        },
      ),
      { numRuns: 200 },
    );
    // Or it would say nothing of them.
    const never = [...CAMPAIGN_PHASES, ...CAMPAIGN_OUTCOMES, ...TARGET_STATUSES, ...NEWEST].filter(
      (one) => !seen.has(one),
    );
    expect(never).toEqual([]);
    // It comes to rest soon, whatever has piled up.
    expect(longest).toBeLessThan(60);
  });
});
