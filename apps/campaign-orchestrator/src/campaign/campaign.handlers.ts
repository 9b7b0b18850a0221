import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, errorUnder, newId, type Actor, type Done } from '@muster/contracts';
import type { CampaignEdit, CampaignTarget } from '@muster/contracts/campaign-orchestrator/campaign';
import type { CampaignDetails } from '@muster/contracts/campaign-orchestrator/campaign-view';
import {
  cancelCampaign,
  changeCampaignRate,
  copyCampaign,
  createCampaign,
  deleteCampaign,
  draftFromFirmware,
  editCampaign,
  excludeTarget,
  getCampaign,
  launchCampaign,
  listCampaigns,
  pauseCampaign,
  releaseBatch,
  resumeCampaign,
  retryCampaign,
  revertCampaign,
  scheduleCampaign,
  settleCampaign,
  unscheduleCampaign,
  type CampaignAct,
  type CampaignPage,
  type CampaignRef,
  type CancelCampaign,
  type ChangeCampaignRate,
  type CreateCampaign,
  type DeleteCampaign,
  type DeriveCampaign,
  type DraftFromFirmware,
  type EditCampaign,
  type ExcludeTarget,
  type LaunchCampaign,
  type ListCampaigns,
  type ReleaseBatch,
  type ResumeCampaign,
  type ScheduleCampaign,
  type SettleCampaign,
} from '@muster/contracts/campaign-orchestrator/campaigns.requests';
import { selectDevices } from '@muster/contracts/device-registry/selection.requests';
import {
  againOnConflict,
  idempotently,
  type Database,
  type EventStore,
  type Queryable,
} from '@muster/event-store';
import { Steps } from '@muster/jobs';
import { Handles, type Bus } from '@muster/messaging';
import { BUS, DATABASE, decodeCursor, EVENT_STORE, pageBy, TEXT } from '@muster/service-host';
import { FINDING } from '../batch/next-step.js';
import { CAMPAIGN_SETTINGS, LAUNCH_CHECK, type CampaignSettings } from '../providers.js';
import { assertTargetsKept } from '../retention/retention.js';
import type { LaunchCheck } from '../target/launch-check.js';
import type { CampaignCommand } from './campaign-commands.js';
import { CampaignPhases, type Phase } from './campaign-phases.js';
import type { Campaign } from './campaign-state.js';
import { CAMPAIGN_STEP, START_STEP } from './campaign-steps.js';
import { detailsOf, viewOf } from './campaign-view.js';
import { campaign } from './campaign.decider.js';
import type { CampaignDefinition } from './campaign.events.js';
import { Campaigns } from './campaigns.projection.js';
import { assertDefinition, assertInput, assertOpens } from './definition-rules.js';
import { definitionOf, editedDefinition } from './definition.js';
import { derivedFrom, type Derivation } from './derive-campaign.js';
import { inputFromFirmwares } from './draft-from-firmware.js';
import { launchIn } from './launch.js';
import { namesDevices } from './named-devices.js';

/** A filter may take seconds before it is refused as too slow. */
const FILTER_TIMEOUT_MS = 10_000;

@Controller()
export class CampaignHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(BUS) private readonly bus: Bus,
    @Inject(Steps) private readonly steps: Steps,
    @Inject(Campaigns) private readonly campaigns: Campaigns,
    @Inject(CampaignPhases) private readonly phases: CampaignPhases,
    @Inject(LAUNCH_CHECK) private readonly launchCheck: LaunchCheck,
    @Inject(CAMPAIGN_SETTINGS) private readonly settings: CampaignSettings,
  ) {}

  @Handles(createCampaign)
  create({ idempotencyKey, ...body }: CreateCampaign): Promise<CampaignDetails> {
    const { tenantId, actor, campaign: input } = body;
    assertInput(input);
    const definition = definitionOf(input, this.settings.defaults);
    assertDefinition(definition, this.settings.limits);
    assertOpens(definition, now());
    return this.draft(tenantId, actor, {
      idempotencyKey,
      body: { operation: 'create-campaign', ...body },
      define: async () => {
        await this.assertFindable(tenantId, input);
        return definition;
      },
    });
  }

  @Handles(editCampaign)
  async edit({ tenantId, actor, campaignId, edit, expectedVersion }: EditCampaign): Promise<CampaignDetails> {
    const { defaults, limits } = this.settings;
    assertInput(edit);
    await this.assertFindable(tenantId, edit);
    const edited = (before: CampaignDefinition): CampaignDefinition => {
      const definition = editedDefinition(before, edit, defaults);
      assertDefinition(definition, limits);
      assertOpens(definition, now());
      return definition;
    };
    return this.act(
      { tenantId, campaignId, actor },
      {
        type: 'EditCampaign',
        edited,
        ...(expectedVersion === undefined ? {} : { expectedRevision: expectedVersion }),
        at: now(),
      },
    );
  }

  @Handles(deleteCampaign)
  async delete({ tenantId, actor, campaignId, expectedVersion }: DeleteCampaign): Promise<Done> {
    const expected = expectedVersion === undefined ? {} : { expectedRevision: expectedVersion };
    await this.store.execute(campaign, {
      tenantId,
      id: campaignId,
      command: { type: 'DeleteCampaign', ...expected, at: now() },
      metadata: { actor },
    });
    return {};
  }

  @Handles(getCampaign)
  async get({ tenantId, campaignId }: CampaignRef): Promise<CampaignDetails> {
    const { state } = await this.store.load(campaign, tenantId, campaignId);
    return this.details(tenantId, campaignId, state);
  }

  @Handles(listCampaigns)
  async list(request: ListCampaigns): Promise<CampaignPage> {
    const { tenantId, status, name, cursor, count, limit = DEFAULT_PAGE } = request;
    const [before] = decodeCursor('campaigns', cursor, [TEXT]) ?? [];
    const filter = { status, name };
    const found = await this.campaigns.list(tenantId, filter, { before, limit: limit + 1 });
    const views = found.map(({ campaignId, state, phase }) => viewOf(campaignId, state, phase));
    return {
      ...pageBy('campaigns', views, limit, ({ id }) => [id]),
      ...(count === true ? { total: await this.campaigns.count(tenantId, filter) } : {}),
    };
  }

  @Handles(launchCampaign)
  launch({ idempotencyKey, ...body }: LaunchCampaign): Promise<CampaignDetails> {
    const { tenantId, actor: by, campaignId, launch } = body;
    const expectedCount = launch.expectedCount ?? null;
    const command = { launchId: newId(), by, expectedCount };
    return againOnConflict(() =>
      idempotently(this.database, {
        tenantId,
        key: idempotencyKey,
        body: { operation: 'launch-campaign', ...body },
        prepare: async () => {
          const { state } = await this.store.load(campaign, tenantId, campaignId);
          const at = now();
          // Refused for its status, or launched already: then nobody else is asked.
          const events = campaign.decide(
            { type: 'LaunchCampaign', ...command, at, defaultEndAt: LAST_TIME },
            state,
          );
          const { definition } = state;
          if (events.length === 0 || definition === null) return;
          await this.launchCheck.check({ tenantId, campaignId, definition, expectedCount });
        },
        run: async (tx) => {
          const parts = { ...this.settings, store: this.store, steps: this.steps, phases: this.phases };
          const state = await launchIn(tx, parts, { tenantId, campaignId, launch: command });
          return this.details(tenantId, campaignId, state, tx);
        },
      }),
    );
  }

  @Handles(scheduleCampaign)
  schedule({ schedule, ...request }: ScheduleCampaign): Promise<CampaignDetails> {
    const startAt = schedule.startAt == null ? {} : { startAt: new Date(schedule.startAt).toISOString() };
    return this.act(request, { type: 'ScheduleCampaign', ...startAt, at: now() });
  }

  @Handles(unscheduleCampaign)
  unschedule(request: CampaignAct): Promise<CampaignDetails> {
    return this.act(request, { type: 'UnscheduleCampaign', at: now() });
  }

  @Handles(pauseCampaign)
  pause(request: CampaignAct): Promise<CampaignDetails> {
    return this.act(request, { type: 'PauseCampaign', by: request.actor, at: now() });
  }

  @Handles(resumeCampaign)
  resume({ resume, ...request }: ResumeCampaign): Promise<CampaignDetails> {
    const overrideGate = resume.overrideGate ?? false;
    return this.act(request, { type: 'ResumeCampaign', overrideGate, by: request.actor, at: now() });
  }

  @Handles(cancelCampaign)
  cancel({ cancel, ...request }: CancelCampaign): Promise<CampaignDetails> {
    const mode = cancel.mode ?? 'soft';
    return this.act(request, { type: 'CancelCampaign', mode, by: request.actor, at: now() });
  }

  @Handles(settleCampaign)
  settle({ settle, ...request }: SettleCampaign): Promise<CampaignDetails> {
    const reason = settle.reason ?? null;
    return this.act(request, { type: 'EndWait', reason, by: request.actor, at: now() });
  }

  @Handles(releaseBatch)
  release({ index, ...request }: ReleaseBatch): Promise<CampaignDetails> {
    return this.act(request, { type: 'ReleaseBatch', index, by: request.actor, at: now() });
  }

  @Handles(excludeTarget)
  async exclude({ deviceId, ...request }: ExcludeTarget): Promise<CampaignDetails> {
    await this.assertTargeted(request, deviceId);
    return this.act(request, { type: 'ExcludeTarget', deviceId, by: request.actor, at: now() });
  }

  @Handles(changeCampaignRate)
  changeRate({ rate, ...request }: ChangeCampaignRate): Promise<CampaignDetails> {
    const { ratePerMinute, maxInFlight } = rate;
    assertRate(ratePerMinute, this.settings.limits.ratePerMinute);
    return this.act(request, {
      type: 'ChangeRate',
      ...(ratePerMinute == null ? {} : { ratePerMinute }),
      ...(maxInFlight === undefined ? {} : { maxInFlight }),
      at: now(),
    });
  }

  @Handles(draftFromFirmware)
  fromFirmware({ idempotencyKey, ...body }: DraftFromFirmware): Promise<CampaignDetails> {
    const { tenantId, actor, from } = body;
    const { defaults, limits, endAfterDays } = this.settings;
    return this.draft(tenantId, actor, {
      idempotencyKey,
      body: { operation: 'draft-from-firmware', ...body },
      define: async () => {
        assertInput(from);
        await this.assertFindable(tenantId, from);
        const input = await inputFromFirmwares(this.bus, { tenantId, actor, from }, endAfterDays);
        const definition = definitionOf(input, defaults);
        assertDefinition(definition, limits);
        assertOpens(definition, now());
        return definition;
      },
    });
  }

  @Handles(retryCampaign)
  retry(request: DeriveCampaign): Promise<CampaignDetails> {
    return this.derive('retry', request);
  }

  @Handles(revertCampaign)
  revert(request: DeriveCampaign): Promise<CampaignDetails> {
    return this.derive('revert', request);
  }

  @Handles(copyCampaign)
  copy(request: DeriveCampaign): Promise<CampaignDetails> {
    return this.derive('copy', request);
  }

  private derive(how: Derivation, { idempotencyKey, ...body }: DeriveCampaign): Promise<CampaignDetails> {
    const { tenantId, actor, campaignId, as } = body;
    return this.draft(tenantId, actor, {
      idempotencyKey,
      body: { operation: `${how}-campaign`, ...body },
      define: async () => {
        const { state } = await this.store.load(campaign, tenantId, campaignId);
        const whole = await this.withNamed(tenantId, campaignId, state);
        const definition = derivedFrom(how, campaignId, whole, as.name ?? undefined);
        if (how !== 'copy') await assertTargetsKept(this.database, tenantId, state.launch?.launchId);
        return definition;
      },
    });
  }

  /** A new draft, once per idempotency key. */
  private draft(
    tenantId: string,
    actor: Actor,
    draft: {
      readonly idempotencyKey: string | undefined;
      readonly body: object;
      readonly define: () => Promise<CampaignDefinition>;
    },
  ): Promise<CampaignDetails> {
    return idempotently(this.database, {
      tenantId,
      key: draft.idempotencyKey,
      body: draft.body,
      prepare: draft.define,
      run: async (tx, definition) => {
        const id = newId();
        const { state } = await this.store.execute(campaign, {
          tenantId,
          id,
          command: { type: 'CreateCampaign', definition, by: actor, at: now() },
          metadata: { actor },
          within: tx,
        });
        return this.details(tenantId, id, state, tx);
      },
    });
  }

  /** Decides, and sets the step that carries on what was decided, in one transaction. */
  private act(request: CampaignAct, command: CampaignCommand): Promise<CampaignDetails> {
    // The engine writes to the same campaign all the time.
    return againOnConflict(() => this.actIn(request, command));
  }

  private actIn(
    { tenantId, campaignId, actor }: CampaignAct,
    command: CampaignCommand,
  ): Promise<CampaignDetails> {
    return this.database.transaction(async (tx) => {
      const { state, events } = await this.store.execute(campaign, {
        tenantId,
        id: campaignId,
        command,
        metadata: { actor },
        within: tx,
      });
      const step = { tenantId, key: campaignId };
      // The phase before the step, as whoever writes both: or two would wait for each other.
      const phase = phaseAfter(command, state);
      if (phase !== undefined && events.length > 0)
        await this.phases.record(tx, { tenantId, campaignId, at: command.at }, phase);
      if (state.startAt !== null) await this.steps.set(tx, { ...step, name: START_STEP, at: state.startAt });
      if (state.launch !== null && events.length > 0)
        await this.steps.set(tx, { ...step, name: CAMPAIGN_STEP, at: command.at });
      return this.details(tenantId, campaignId, state, tx);
    });
  }

  private async details(
    tenantId: string,
    campaignId: string,
    state: Campaign,
    tx?: Queryable,
  ): Promise<CampaignDetails> {
    const whole = await this.withNamed(tenantId, campaignId, state);
    return detailsOf(campaignId, whole, await this.campaigns.phaseOf(tenantId, campaignId, tx));
  }

  /** With the devices that the definition names, which a launched campaign has in its events alone. */
  private async withNamed(tenantId: string, campaignId: string, state: Campaign): Promise<Campaign> {
    const { definition, launch } = state;
    if (definition === null || launch?.resolved !== true || !namesDevices(definition)) return state;
    const [event] = await this.store.readStream(tenantId, campaign, campaignId, {
      types: ['CampaignCreated', 'CampaignEdited'],
      backwards: true,
      limit: 1,
    });
    if (event?.type !== 'CampaignCreated' && event?.type !== 'CampaignEdited') return state;
    const { target, batches } = event.data.definition;
    return { ...state, definition: { ...definition, target, batches } };
  }

  /** Of a campaign whose devices are not known yet nobody can tell. */
  private async assertTargeted({ tenantId, campaignId }: CampaignRef, deviceId: string): Promise<void> {
    const { state } = await this.store.load(campaign, tenantId, campaignId);
    if (state.launch?.resolved !== true) return;
    const { rowCount } = await this.database.query(
      'SELECT 1 FROM campaign_targets WHERE tenant_id = $1 AND launch_id = $2 AND device_id = $3',
      [tenantId, state.launch.launchId, deviceId],
    );
    if (rowCount === 0) throw new AppError('device-not-found', 'The campaign has no such device.');
  }

  /** Filters that can be read, and another campaign that there is. */
  private async assertFindable(tenantId: string, { target, batches }: CampaignEdit): Promise<void> {
    if (target != null) await this.assertTarget(tenantId, target);
    for (const [place, { filter }] of (batches ?? []).entries()) {
      if (filter != null) await this.assertFilter(tenantId, filter, `batches.${place}`);
    }
  }

  private async assertTarget(tenantId: string, { filter, campaignId }: CampaignTarget): Promise<void> {
    if (filter != null) await this.assertFilter(tenantId, filter, 'target');
    if (campaignId == null) return;
    const { state } = await this.store.load(campaign, tenantId, campaignId);
    if (state.launch?.resolved === true) return;
    const message = 'must be a campaign that was launched';
    throw new AppError('invalid-request', `target.campaignId ${message}`, {
      errors: [{ path: 'target.campaignId', message }],
    });
  }

  private async assertFilter(tenantId: string, filter: string, path: string): Promise<void> {
    try {
      await this.bus.request(selectDevices, { tenantId, filter, limit: 1 }, { timeoutMs: FILTER_TIMEOUT_MS });
    } catch (error) {
      throw errorUnder(path, error);
    }
  }
}

/**
 * What the answer must say already, before the step says more: not that somebody is awaited who has just spoken. Undefined: what
 * is on record. Of one that is not launched null: another date, or none, waits for nothing that kept it from its launch.
 */
const phaseAfter = (command: CampaignCommand, { launch }: Campaign): Phase | null | undefined => {
  const nextAt = null;
  if (launch === null) return null;
  if (command.type === 'CancelCampaign')
    return { phase: 'cancelling', nextAt, detail: 'It is being cancelled.' };
  if (command.type === 'ReleaseBatch')
    return { phase: 'dispatching', nextAt, detail: `Batch ${command.index} is released.` };
  if (command.type !== 'ResumeCampaign') return undefined;
  return launch.resolved
    ? { phase: 'dispatching', nextAt, detail: 'It was resumed, and looks at where it stands.' }
    : { phase: FINDING.name, nextAt, detail: FINDING.detail };
};

/** To ask whether a launch is possible, before its end is known. */
const LAST_TIME = '2999-12-31T00:00:00.000Z';

const assertRate = (ratePerMinute: number | undefined, most: number): void => {
  if (ratePerMinute === undefined || ratePerMinute <= most) return;
  const message = `must not be greater than ${most}`;
  throw new AppError('invalid-request', `ratePerMinute ${message}`, {
    errors: [{ path: 'ratePerMinute', message }],
  });
};

const now = (): string => new Date().toISOString();
