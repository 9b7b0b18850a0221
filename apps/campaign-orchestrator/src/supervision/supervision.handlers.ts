import { Controller, Inject } from '@nestjs/common';
import { AppError, DEFAULT_PAGE, errorUnder, newId, type Done } from '@muster/contracts';
import {
  closeSupervision,
  deleteSupervision,
  editSupervision,
  getReportedValues,
  getSupervision,
  listSupervised,
  listSupervisions,
  openSupervision,
  type CloseSupervision,
  type EditSupervision,
  type ListSupervised,
  type ListSupervisions,
  type OpenSupervision,
  type ReportedValues,
  type SupervisedPage,
  type SupervisionPage,
  type SupervisionRef,
  type SupervisionView,
} from '@muster/contracts/campaign-orchestrator/supervisions.requests';
import type { TargetPreview } from '@muster/contracts/device-registry/targets.requests';
import { idempotently, type Database, type EventStore, type Queryable } from '@muster/event-store';
import { DeviceTargets, Steps } from '@muster/jobs';
import { Handles } from '@muster/messaging';
import { DATABASE, decodeCursor, EVENT_STORE, pageBy, TEXT } from '@muster/service-host';
import { assertValueSets } from '../campaign/value-sets.js';
import { CAMPAIGN_SETTINGS, type CampaignSettings } from '../providers.js';
import { assertSupervisedKept } from '../retention/retention.js';
import {
  countSupervisions,
  findSupervision,
  searchSupervisions,
  type SupervisionFilter,
} from './supervision-list.projection.js';
import { SUPERVISION_STEP } from './supervision-step.js';
import { supervision, type SupervisionCommand } from './supervision.decider.js';
import { readReports } from './reported-values.js';
import { countSupervised, searchSupervised } from './supervised-devices.js';

/** Supervisions for operators: with campaigns they come and go by themselves. */
@Controller()
export class SupervisionHandlers {
  constructor(
    @Inject(DATABASE) private readonly database: Database,
    @Inject(EVENT_STORE) private readonly store: EventStore,
    @Inject(Steps) private readonly steps: Steps,
    @Inject(DeviceTargets) private readonly targets: DeviceTargets,
    @Inject(CAMPAIGN_SETTINGS) private readonly settings: CampaignSettings,
  ) {}

  @Handles(openSupervision)
  async open({ idempotencyKey, ...body }: OpenSupervision): Promise<SupervisionView> {
    const { tenantId, actor, supervision: input } = body;
    const configurations = input.configurations ?? {};
    const expectedStates = input.expectedStates ?? {};
    if (Object.keys(configurations).length + Object.keys(expectedStates).length === 0)
      throw new AppError(
        'invalid-request',
        'supervision must have at least one key in configurations or expectedStates',
        {
          errors: [
            {
              path: 'supervision',
              message: 'must have at least one key in configurations or expectedStates',
            },
          ],
        },
      );
    try {
      assertValueSets({ configurations, expectedStates }, this.settings.limits.valuesBytes);
    } catch (error) {
      throw errorUnder('supervision', error);
    }
    return idempotently(this.database, {
      tenantId,
      key: idempotencyKey,
      body: { operation: openSupervision.subject, ...body },
      prepare: async () => {
        const asked = { tenantId, input, path: 'supervision' };
        const checked = await this.targets.check(asked);
        if (input.target.deviceIds != null) assertThere(await this.targets.preview(asked));
        return checked;
      },
      run: async (tx, { items, params }) => {
        const id = newId();
        await this.store.execute(supervision, {
          tenantId,
          id,
          command: {
            type: 'OpenSupervision',
            name: input.name,
            campaignId: null,
            target: items === undefined ? { filter: params.filter ?? '' } : { deviceIds: items },
            configurations,
            expectedStates,
            expectedFrom: input.expectedFrom ?? 'any',
            by: actor,
            at: new Date().toISOString(),
          },
          metadata: { actor },
          within: tx,
        });
        await this.steps.set(tx, { tenantId, name: SUPERVISION_STEP, key: id, at: new Date().toISOString() });
        return viewSupervision(tx, tenantId, id);
      },
    });
  }

  @Handles(getSupervision)
  get({ tenantId, supervisionId }: SupervisionRef): Promise<SupervisionView> {
    return viewSupervision(this.database, tenantId, supervisionId);
  }

  @Handles(listSupervisions)
  async list({ tenantId, cursor, count, ...request }: ListSupervisions): Promise<SupervisionPage> {
    // Null in an optional field passes the contract's rules and means the same as absent.
    const filter: SupervisionFilter = {
      status: request.status ?? undefined,
      campaignId: request.campaignId ?? undefined,
    };
    const limit = request.limit ?? DEFAULT_PAGE;
    const list = `supervisions ${filter.status ?? ''} ${filter.campaignId ?? ''}`;
    const [before] = decodeCursor(list, cursor, [TEXT]) ?? [];
    const found = await searchSupervisions(this.database, tenantId, filter, { before, limit: limit + 1 });
    return {
      ...pageBy(list, found, limit, ({ id }) => [id]),
      ...(count === true ? { total: await countSupervisions(this.database, tenantId, filter) } : {}),
    };
  }

  @Handles(listSupervised)
  async devices({
    tenantId,
    supervisionId,
    cursor,
    count,
    ...request
  }: ListSupervised): Promise<SupervisedPage> {
    const filter = { verdict: request.verdict ?? undefined, reason: request.reason ?? undefined };
    const limit = request.limit ?? DEFAULT_PAGE;
    const { verdicts, total } = await viewSupervision(this.database, tenantId, supervisionId);
    await assertSupervisedKept(this.database, tenantId, supervisionId);
    const list = `supervised ${supervisionId} ${filter.verdict ?? ''} ${filter.reason ?? ''}`;
    const [after] = decodeCursor(list, cursor, [TEXT]) ?? [];
    const which = { tenantId, supervisionId };
    const totalOf = (): Promise<number> | number =>
      filter.reason !== undefined
        ? countSupervised(this.database, which, filter)
        : filter.verdict === undefined
          ? total
          : verdicts[filter.verdict];
    const found = await searchSupervised(this.database, which, filter, { after, limit: limit + 1 });
    return {
      ...pageBy(list, found, limit, ({ deviceId }) => [deviceId]),
      ...(count === true ? { total: await totalOf() } : {}),
    };
  }

  @Handles(getReportedValues)
  async values({ tenantId, supervisionId }: SupervisionRef): Promise<ReportedValues> {
    const view = await viewSupervision(this.database, tenantId, supervisionId);
    return { keys: await readReports(this.database, tenantId, view) };
  }

  @Handles(editSupervision)
  async edit(request: EditSupervision): Promise<SupervisionView> {
    const { tenantId, supervisionId: id, actor, expectedVersion, edit } = request;
    await this.store.execute(supervision, {
      tenantId,
      id,
      command: { type: 'EditSupervision', name: edit.name, by: actor, at: new Date().toISOString() },
      metadata: { actor },
      expectedVersion,
    });
    return viewSupervision(this.database, tenantId, id);
  }

  @Handles(closeSupervision)
  async close(request: CloseSupervision): Promise<SupervisionView> {
    await this.execute(request, { type: 'CloseSupervision' });
    return viewSupervision(this.database, request.tenantId, request.supervisionId);
  }

  @Handles(deleteSupervision)
  async delete(request: CloseSupervision): Promise<Done> {
    await this.execute(request, { type: 'DeleteSupervision' });
    return {};
  }

  /** With a step, which does what follows. */
  private execute(
    { tenantId, supervisionId, actor, expectedVersion }: CloseSupervision,
    { type }: Pick<Extract<SupervisionCommand, { type: 'CloseSupervision' | 'DeleteSupervision' }>, 'type'>,
  ): Promise<void> {
    return this.database.transaction(async (tx) => {
      const at = new Date().toISOString();
      await this.store.execute(supervision, {
        tenantId,
        id: supervisionId,
        command: { type, by: actor, at },
        metadata: { actor },
        expectedVersion,
        within: tx,
      });
      await this.steps.set(tx, { tenantId, name: SUPERVISION_STEP, key: supervisionId, at });
    });
  }
}

/** Who is named and does not exist would be missing among the verdicts, and nobody would miss it. */
const assertThere = ({ missing = [] }: TargetPreview): void => {
  if (missing.length === 0) return;
  const more = missing.length > SHOWN ? ` and ${missing.length - SHOWN} more` : '';
  const message = `must name devices that exist; there is no ${missing.slice(0, SHOWN).join(', ')}${more}`;
  const path = 'supervision.target.deviceIds';
  throw new AppError('invalid-request', `${path} ${message}`, { errors: [{ path, message }] });
};

const SHOWN = 10;

const viewSupervision = async (from: Queryable, tenantId: string, id: string): Promise<SupervisionView> => {
  const found = await findSupervision(from, tenantId, id);
  if (found === undefined) throw new AppError('supervision-not-found', 'No such supervision.');
  return found;
};
