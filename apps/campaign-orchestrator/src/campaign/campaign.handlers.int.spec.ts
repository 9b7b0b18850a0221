import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Controller, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppError, newId } from '@muster/contracts';
import type { CampaignInput } from '@muster/contracts/campaign-orchestrator/campaign';
import type { CampaignDetails } from '@muster/contracts/campaign-orchestrator/campaign-view';
import {
  cancelCampaign,
  changeCampaignRate,
  copyCampaign,
  createCampaign,
  deleteCampaign,
  editCampaign,
  getCampaign,
  launchCampaign,
  listCampaigns,
  pauseCampaign,
  releaseBatch,
  resumeCampaign,
  retryCampaign,
  revertCampaign,
  scheduleCampaign,
  unscheduleCampaign,
} from '@muster/contracts/campaign-orchestrator/campaigns.requests';
import {
  campaignChanged,
  campaignPhaseChanged,
  type CampaignChanged,
  type CampaignPhaseChanged,
} from '@muster/contracts/campaign-orchestrator/published';
import {
  selectDevices,
  type SelectDevices,
  type SelectedDevices,
} from '@muster/contracts/device-registry/selection.requests';
import {
  awaitState,
  type AwaitState,
  type StateAwaited,
} from '@muster/contracts/device-registry/state.requests';
import {
  previewTarget,
  readTargetDevices,
  type ReadTargetDevices,
  type TargetDevices,
  type PreviewTarget,
  type TargetPreview,
} from '@muster/contracts/device-registry/targets.requests';
import {
  connectBus,
  Consumes,
  Handles,
  isEvent,
  NatsStrategy,
  type Bus,
  type Delivered,
} from '@muster/messaging';
import { createLogger, NestLogger, type RunningApp } from '@muster/observability';
import { eventually, startNats, testDatabase, type NatsServer, type TestDatabase } from '@muster/testing';
import { migrate, rebuilds, start } from '../app.module.js';

const tenantId = 'default';
const actor = { kind: 'user', id: 'anna' } as const;
const logger = createLogger({ service: 'spec', level: 'fatal' });

/** What the registry, which is another app, would say; and what was published. */
const around: {
  matched: number;
  isAway: boolean;
  asked: PreviewTarget['target'][];
  changes: CampaignChanged[];
  phases: CampaignPhaseChanged[];
} = { matched: 3, isAway: false, asked: [], changes: [], phases: [] };

@Controller()
class Surroundings {
  @Handles(selectDevices)
  select({ filter }: SelectDevices): Promise<SelectedDevices> {
    if (filter === '==') {
      const errors = [{ path: 'filter', message: 'at 1: a field is missing' }];
      return Promise.reject(new AppError('invalid-filter', 'filter at 1: a field is missing', { errors }));
    }
    const deviceIds = Array.from({ length: around.matched }, (_none, nth) => `d${nth}`);
    return Promise.resolve({ deviceIds, next: null });
  }

  @Handles(awaitState)
  await({ filter }: AwaitState): Promise<StateAwaited> {
    around.asked.push({ filter });
    if (around.isAway) return Promise.reject(new AppError('unavailable', 'The registry is away.'));
    return Promise.resolve({ asOf: new Date().toISOString() });
  }

  /** What is launched here stays with finding out its devices. */
  @Handles(readTargetDevices)
  devices({ tenantId }: ReadTargetDevices): Promise<TargetDevices> {
    return Promise.reject(new AppError('unavailable', `Nobody is asked for devices of ${tenantId} here.`));
  }

  @Handles(previewTarget)
  preview({ target }: PreviewTarget): Promise<TargetPreview> {
    around.asked.push(target);
    if (around.isAway) return Promise.reject(new AppError('unavailable', 'The registry is away.'));
    return Promise.resolve({ matched: around.matched, sample: [], byDeviceType: {} });
  }

  @Consumes({ durable: 'spec-campaigns', events: [campaignChanged, campaignPhaseChanged] })
  take(events: readonly Delivered[]): Promise<void> {
    for (const event of events) {
      if (isEvent(event, campaignChanged)) around.changes.push(event.data);
      else if (isEvent(event, campaignPhaseChanged)) around.phases.push(event.data);
    }
    return Promise.resolve();
  }
}

@Module({ controllers: [Surroundings] })
class SpecModule {}

let nats: NatsServer;
let server: TestDatabase;
let app: RunningApp;
let bus: Bus;
let surroundings: { close(): Promise<unknown> };

beforeAll(async () => {
  [nats, server] = await Promise.all([startNats(), testDatabase({ name: 'campaign-orchestrator', migrate })]);
  bus = await connectBus({ url: nats.url, name: 'spec', logger });
  app = await start({
    MUSTER_DATABASE_URL: server.url,
    MUSTER_NATS_URL: nats.url,
    MUSTER_LOG_LEVEL: 'fatal',
    MUSTER_CAMPAIGNS_MAX_RATE_PER_MINUTE: '5000',
  });
  const nest = await NestFactory.createMicroservice(SpecModule, {
    strategy: new NatsStrategy({ bus, service: 'spec', logger }),
    logger: new NestLogger(logger),
  });
  await nest.listen();
  surroundings = nest;
}, 60_000);

afterAll(async () => {
  await app.stop();
  await surroundings.close();
  await bus.close();
  await Promise.all([server.drop(), nats.stop()]);
});

beforeEach(() => {
  Object.assign(around, { matched: 3, isAway: false, asked: [] });
});

const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();

const create = (more: Partial<CampaignInput> = {}, idempotencyKey?: string): Promise<CampaignDetails> =>
  bus.request(createCampaign, {
    tenantId,
    actor,
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    campaign: {
      name: 'warmer',
      target: { deviceIds: ['d1', 'd2', 'd3'] },
      configurations: { targetTemperature: 21 },
      ...more,
    },
  });

const of = (campaignId: string) => ({ tenantId, actor, campaignId });
const launch = (campaignId: string, expectedCount?: number): Promise<CampaignDetails> =>
  bus.request(launchCampaign, {
    ...of(campaignId),
    launch: expectedCount === undefined ? {} : { expectedCount },
  });
/** It finds out its devices, or waits for the registry, which is asked for them in vain here. */
const FINDING = expect.stringMatching(/^(snapshotting|awaiting_service)$/);
const get = (campaignId: string): Promise<CampaignDetails> =>
  bus.request(getCampaign, { tenantId, campaignId });

describe('createCampaign', () => {
  it('answers a draft with every default filled in', async () => {
    const view = await create({ batches: [{ count: 1, release: 'manual' }, { percent: 100 }] });
    expect(view).toMatchObject({
      status: 'draft',
      revision: 1,
      phase: null,
      outcome: null,
      total: null,
      target: { deviceIds: ['d1', 'd2', 'd3'] },
      expectedStates: {},
      expectedFrom: 'any',
      batches: [
        { index: 1, status: 'planned', size: null, count: 1, release: 'manual' },
        { index: 2, status: 'planned', size: null, percent: 100, release: 'auto' },
      ],
      ratePerMinute: 1_000,
      deadlineSeconds: 86_400,
      retries: { max: 2, firstAfterSeconds: 60 },
      onConflict: 'reject',
      createdBy: actor,
    });
    expect(await get(view.id)).toEqual(view);
  });

  it('is once for an idempotency key, whatever has become of it', async () => {
    const key = newId();
    const first = await create({}, key);
    await bus.request(deleteCampaign, of(first.id));
    expect(await create({}, key)).toEqual(first);
    await expect(create({ name: 'other' }, key)).rejects.toMatchObject({ code: 'idempotency-key-reused' });
  });

  it.each<readonly [string, Partial<CampaignInput>, string, string]>([
    ['no way to name devices', { target: {} }, 'invalid-request', 'target'],
    ['two ways', { target: { deviceIds: ['a'], filter: 'x==1' } }, 'invalid-request', 'target'],
    ['a filter that cannot be read', { target: { filter: '==' } }, 'invalid-filter', 'target.filter'],
    [
      'the same in a batch',
      { batches: [{ filter: '==' }, { percent: 100 }] },
      'invalid-filter',
      'batches.0.filter',
    ],
    ['a campaign that is not there', { target: { campaignId: 'x' } }, 'invalid-request', 'target.campaignId'],
    ['a start that is past', { startAt: '2020-01-01T00:00:00Z' }, 'invalid-request', 'startAt'],
    ['more than the highest rate', { ratePerMinute: 5_001 }, 'invalid-request', 'ratePerMinute'],
  ])('refuses %s', async (_what, more, code, path) => {
    await expect(create(more)).rejects.toMatchObject({ code, errors: [expect.objectContaining({ path })] });
  });
});

describe('editCampaign', () => {
  it('replaces what is named and puts defaults back', async () => {
    const { id } = await create({ spacingSeconds: 60, maxInFlight: 5, description: 'x' });
    const edited = await bus.request(editCampaign, {
      ...of(id),
      edit: { name: 'colder', configurations: { a: 1 }, spacingSeconds: null, description: null },
      expectedVersion: 1,
    });
    expect(edited).toMatchObject({
      name: 'colder',
      configurations: { a: 1 },
      spacingSeconds: 0,
      revision: 2,
    });
    expect(edited).toMatchObject({ maxInFlight: 5, target: { deviceIds: ['d1', 'd2', 'd3'] } });
    expect(edited).not.toHaveProperty('description');
    await expect(
      bus.request(editCampaign, { ...of(id), edit: { name: 'b' }, expectedVersion: 1 }),
    ).rejects.toMatchObject({ code: 'version-mismatch' });
  });

  it('is impossible after the launch, as deleting is', async () => {
    const { id } = await create();
    await launch(id);
    await expect(bus.request(editCampaign, { ...of(id), edit: { name: 'b' } })).rejects.toMatchObject({
      code: 'campaign-already-launched',
      detail: 'The campaign is running; it can be edited in draft, scheduled.',
    });
    await expect(bus.request(deleteCampaign, of(id))).rejects.toMatchObject({
      code: 'campaign-already-launched',
    });
  });
});

describe('a campaign that was cancelled before it was launched', () => {
  it('cannot be edited any more, and says so', async () => {
    const { id } = await create();
    await bus.request(cancelCampaign, { ...of(id), cancel: {} });
    await expect(bus.request(editCampaign, { ...of(id), edit: { name: 'b' } })).rejects.toMatchObject({
      code: 'campaign-status',
      detail: 'The campaign is cancelled; to edit it is possible in draft, scheduled.',
    });
  });
});

describe('deleteCampaign', () => {
  it('takes a draft away', async () => {
    const { id } = await create();
    await bus.request(deleteCampaign, { ...of(id), expectedVersion: 1 });
    await bus.request(deleteCampaign, of(id));
    await expect(get(id)).rejects.toMatchObject({ code: 'campaign-not-found' });
  });
});

describe('launchCampaign', () => {
  it('is once, however often it is asked for', async () => {
    const { id } = await create();
    const launched = await launch(id);
    expect(launched).toMatchObject({ status: 'running', phase: 'snapshotting', launchedBy: actor });
    expect(Date.parse(launched.endAt ?? '') - Date.parse(launched.launchedAt ?? '')).toBe(30 * 86_400_000);
    around.matched = 0;
    expect((await launch(id)).launchedAt).toBe(launched.launchedAt);
    await eventually(() => {
      expect(around.changes.filter(({ campaignId }) => campaignId === id)).toEqual([
        expect.objectContaining({ change: 'created', status: 'draft', actor, version: 1, name: 'warmer' }),
        expect.objectContaining({ change: 'launched', status: 'running', endAt: launched.endAt, version: 2 }),
      ]);
      expect(around.phases).toContainEqual(
        expect.objectContaining({ campaignId: id, phase: 'snapshotting', nextAt: null, version: 1 }),
      );
      return true;
    });
  });

  it('says what it waits for when the registry cannot be asked for its devices', async () => {
    const { id } = await create();
    await launch(id);
    const phaseDetail = `It cannot go on at the moment: Nobody is asked for devices of ${tenantId} here.`;
    await eventually(async () => {
      expect(await get(id)).toMatchObject({ status: 'running', phase: 'awaiting_service', phaseDetail });
      return true;
    });
  });

  it('gives an idempotency key its first answer, also when it would be refused by now', async () => {
    const { id } = await create();
    const request = { ...of(id), idempotencyKey: newId(), launch: {} };
    const first = await bus.request(launchCampaign, request);
    await bus.request(cancelCampaign, { ...of(id), cancel: {} });
    expect(await bus.request(launchCampaign, request)).toEqual(first);
  });

  it('refuses a target without devices, and more than were expected, and stays a draft', async () => {
    const { id } = await create();
    around.matched = 0;
    await expect(launch(id)).rejects.toMatchObject({
      code: 'invalid-request',
      errors: [expect.objectContaining({ path: 'target' })],
    });
    around.matched = 4;
    await expect(launch(id, 3)).rejects.toMatchObject({ code: 'more-devices-than-expected' });
    around.isAway = true;
    await expect(launch(id)).rejects.toMatchObject({ code: 'unavailable' });
    expect(await get(id)).toMatchObject({ status: 'draft' });
  });
});

describe('scheduleCampaign', () => {
  it('launches by itself when its time has come', async () => {
    const { id } = await create();
    const startAt = soon(700);
    const scheduled = await bus.request(scheduleCampaign, { ...of(id), schedule: { startAt } });
    expect(scheduled).toMatchObject({ status: 'scheduled', startAt, nextAt: startAt });
    const running = await eventually(async () => {
      const view = await get(id);
      expect(view.status).toBe('running');
      return view;
    });
    expect(running).toMatchObject({
      launchedBy: { kind: 'system', id: 'campaign-orchestrator' },
      phase: FINDING,
    });
    expect(Date.parse(running.launchedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(startAt));
  });

  it('is taken back, and moved', async () => {
    const { id } = await create({ startAt: soon(3_600_000) });
    await bus.request(scheduleCampaign, { ...of(id), schedule: {} });
    const moved = soon(7_200_000);
    expect(await bus.request(editCampaign, { ...of(id), edit: { startAt: moved } })).toMatchObject({
      status: 'scheduled',
      nextAt: moved,
    });
    expect(await bus.request(unscheduleCampaign, of(id))).toMatchObject({ status: 'draft', nextAt: null });
  });

  it('becomes a draft again, with the reason, when the launch is refused at its time', async () => {
    const { id } = await create();
    around.matched = 0;
    await bus.request(scheduleCampaign, { ...of(id), schedule: { startAt: soon(300) } });
    await eventually(async () => {
      expect(await get(id)).toMatchObject({
        status: 'draft',
        launchError: { code: 'invalid-request', detail: 'target means no device: none matches now' },
      });
      return true;
    });
  });

  it('waits for a registry that is away', async () => {
    const { id } = await create();
    around.isAway = true;
    await bus.request(scheduleCampaign, { ...of(id), schedule: { startAt: soon(100) } });
    await eventually(async () => {
      expect(await get(id)).toMatchObject({
        status: 'scheduled',
        phase: 'awaiting_service',
        phaseDetail: 'It cannot go on at the moment: The registry is away.',
        nextAt: null,
      });
      return true;
    });
    around.isAway = false;
    await eventually(async () => (await get(id)).status === 'running');
    expect(await get(id)).toMatchObject({ phase: FINDING });
  });

  it('says nothing of an earlier time that it waited at', async () => {
    const { id } = await create();
    around.isAway = true;
    await bus.request(scheduleCampaign, { ...of(id), schedule: { startAt: soon(100) } });
    await eventually(async () => (await get(id)).phase === 'awaiting_service');
    const startAt = soon(3_600_000);
    expect(await bus.request(scheduleCampaign, { ...of(id), schedule: { startAt } })).toMatchObject({
      status: 'scheduled',
      phase: null,
      nextAt: startAt,
    });
  });
});

describe('a running campaign', () => {
  it('is paused and resumed', async () => {
    const { id } = await create();
    await launch(id);
    expect(await bus.request(pauseCampaign, of(id))).toMatchObject({
      status: 'paused',
      phase: null,
      pause: { reason: 'operator', by: actor },
    });
    expect(await bus.request(resumeCampaign, { ...of(id), resume: {} })).toMatchObject({ status: 'running' });
  });

  it('that is cancelled says so at once', async () => {
    const { id } = await create();
    await launch(id);
    expect(await bus.request(cancelCampaign, { ...of(id), cancel: {} })).toMatchObject({
      status: 'running',
      phase: 'cancelling',
      cancel: { mode: 'soft', by: actor },
    });
  });

  it('has a rate that can be changed, up to the highest', async () => {
    const { id } = await create();
    await launch(id);
    const rate = { ratePerMinute: 100, maxInFlight: 7 };
    expect(await bus.request(changeCampaignRate, { ...of(id), rate })).toMatchObject(rate);
    const unlimited = await bus.request(changeCampaignRate, { ...of(id), rate: { maxInFlight: null } });
    expect(unlimited).toMatchObject({ ratePerMinute: 100 });
    expect(unlimited).not.toHaveProperty('maxInFlight');
    await expect(
      bus.request(changeCampaignRate, { ...of(id), rate: { ratePerMinute: 6_000 } }),
    ).rejects.toMatchObject({ code: 'invalid-request', errors: [{ path: 'ratePerMinute' }] });
  });

  it('has no batch that nobody defined', async () => {
    const { id } = await create();
    await launch(id);
    await expect(bus.request(releaseBatch, { ...of(id), index: 2 })).rejects.toMatchObject({
      code: 'batch-not-found',
    });
  });
});

describe('listCampaigns', () => {
  it('is newest first, by status and a part of the name, in pages', async () => {
    const tenant = { tenantId: 'lists', actor };
    const ids: string[] = [];
    for (const name of ['Alpha', 'beta', 'alphabet']) {
      const { id } = await bus.request(createCampaign, {
        ...tenant,
        campaign: { name, target: { deviceIds: ['d1'] }, configurations: { a: 1 } },
      });
      ids.unshift(id);
    }
    const list = (more: object) => bus.request(listCampaigns, { tenantId: 'lists', ...more });
    const first = await list({ limit: 2, count: true });
    expect(first).toMatchObject({ items: [{ id: ids[0] }, { id: ids[1] }], total: 3 });
    expect(await list({ limit: 2, cursor: first.nextCursor })).toMatchObject({
      items: [{ id: ids[2] }],
      nextCursor: null,
    });
    expect((await list({ name: 'ALPHA' })).items.map(({ name }) => name)).toEqual(['alphabet', 'Alpha']);
    await bus.request(launchCampaign, { ...tenant, campaignId: ids[1] ?? '', launch: {} });
    expect((await list({ status: 'running' })).items).toMatchObject([{ id: ids[1], phase: FINDING }]);
    expect((await list({})).items[0]).not.toHaveProperty('target');
  });

  it('is the same after it was made again from the events', async () => {
    // The launched one is at rest.
    const before = await eventually(async () => {
      const list = await bus.request(listCampaigns, { tenantId: 'lists' });
      expect(list.items.map(({ phase }) => phase)).toContain('awaiting_service');
      return list;
    });
    await rebuilds['campaigns']?.run(server.url, {});
    expect(await bus.request(listCampaigns, { tenantId: 'lists' })).toEqual(before);
    expect(await rebuilds['current']?.run(server.url, {})).toContain('0 altered, 0 missing');
  });
});

describe('a draft made from another campaign', () => {
  it('is a copy of it, in whatever status', async () => {
    const source = await create({ name: 'x'.repeat(128), startAt: soon(60_000), spacingSeconds: 5 });
    const copy = await bus.request(copyCampaign, { ...of(source.id), as: {} });
    expect(copy).toMatchObject({
      status: 'draft',
      name: `${'x'.repeat(121)} (copy)`,
      spacingSeconds: 5,
      target: source.target,
    });
    expect(copy).not.toHaveProperty('startAt');
    expect(copy.id).not.toBe(source.id);
  });

  it('is no retry and no revert of one that has not ended, or was never launched', async () => {
    const { id } = await create();
    for (const contract of [retryCampaign, revertCampaign]) {
      await expect(bus.request(contract, { ...of(id), as: {} })).rejects.toMatchObject({
        code: 'campaign-status',
      });
    }
    await bus.request(cancelCampaign, { ...of(id), cancel: {} });
    expect(await get(id)).toMatchObject({ status: 'cancelled' });
    await expect(bus.request(retryCampaign, { ...of(id), as: {} })).rejects.toMatchObject({
      code: 'campaign-status',
      detail: 'The campaign was cancelled before it was launched: there is nothing to retry.',
    });
  });
});
