import { AppError, errorUnder } from '@muster/contracts';
import type { TargetStatus } from '@muster/contracts/campaign-orchestrator/campaign';
import {
  MAX_TARGET_IDS,
  readTargetIds,
  type TargetIds,
} from '@muster/contracts/campaign-orchestrator/targets.requests';
import { selectDevices } from '@muster/contracts/device-registry/selection.requests';
import { awaitState } from '@muster/contracts/device-registry/state.requests';
import {
  previewTarget,
  type BulkInput,
  type DeviceTarget,
  type TargetPreview,
} from '@muster/contracts/device-registry/targets.requests';
import type { Bus } from '@muster/messaging';
import type { PlanPage } from './job-kind.js';

/** A filter may take seconds before it is refused as too slow. */
const FILTER_TIMEOUT_MS = 10_000;
/** Devices of one page of a plan. */
const PAGE = 5_000;

/** What a job keeps of its target among its parameters; nothing where its devices were named. */
export interface TargetParams {
  readonly filter?: string;
  readonly expectedCount?: number;
}

/** A target that may be acted on: what `Jobs.start` takes, `params` together with those of the act. */
export interface CheckedTarget {
  readonly params: TargetParams;
  /** The devices, where they were named. */
  readonly items?: readonly string[];
}

/** Who is asked for a target, and where it stands in the request of its caller. */
interface Asked {
  readonly tenantId: string;
  readonly input: Pick<BulkInput, 'target' | 'expectedCount'>;
  /** The field that has the input, as in `bulkChange`: errors are told by their place in the request. */
  readonly path: string;
}

/** The devices that a bulk act means, found in one way by every service. */
export class DeviceTargets {
  constructor(
    private readonly bus: Pick<Bus, 'request'>,
    /** Devices that a target may name. */
    private readonly mostNamed: number,
  ) {}

  /**
   * Refuses at once what cannot be a target, and more devices than were expected. Throws what `TARGET_ERRORS` of the
   * contracts names, with the path of the field. Ask before any transaction: this asks the registry.
   */
  async check(asked: Asked): Promise<CheckedTarget> {
    const { tenantId, path } = asked;
    const { deviceIds, filter } = await this.named(asked);
    const expectedCount = asked.input.expectedCount ?? undefined;
    if (deviceIds !== undefined) {
      // Of those that are named no more can come into being: that is settled here.
      if (expectedCount !== undefined && deviceIds.length > expectedCount) await this.preview(asked);
      return { params: {}, items: deviceIds };
    }
    if (expectedCount !== undefined) await this.preview(asked);
    else await underTarget(path, this.select({ tenantId, filter, limit: 1 }));
    return { params: { filter, ...(expectedCount === undefined ? {} : { expectedCount }) } };
  }

  /** What the target means now; refuses what `check` does. */
  async preview(asked: Asked): Promise<TargetPreview> {
    const { tenantId, input, path } = asked;
    const target = await this.named(asked);
    if (target.filter !== undefined) await underTarget(path, this.catchUp(tenantId, target.filter));
    const found = await underTarget(path, this.ask(tenantId, target));
    // Null in an optional field means absent.
    const expectedCount = input.expectedCount ?? undefined;
    if (expectedCount !== undefined && found.matched > expectedCount)
      throw moreThanExpected(found.matched, expectedCount);
    return found;
  }

  /**
   * The `plan` of a job whose devices are found by a filter: those that it means now. As soon as they are more than were
   * expected the plan is refused, and so the job has done nothing. What devices were told or said before is in it: the job waits
   * until the registry has heard of it.
   */
  async plan(
    { tenantId, params }: { readonly tenantId: string; readonly params: TargetParams },
    cursor: string | null,
  ): Promise<PlanPage> {
    const { filter, expectedCount } = params;
    if (filter === undefined) throw new Error('the devices were named: there is nothing to plan');
    if (cursor === null) await this.catchUp(tenantId, filter);
    const { found, after } = readCursor(cursor);
    const { deviceIds, next } = await this.select({ tenantId, filter, limit: PAGE, after });
    const soFar = found + deviceIds.length;
    if (expectedCount !== undefined && soFar > expectedCount) {
      const { matched } = await this.ask(tenantId, { filter });
      throw moreThanExpected(Math.max(matched, soFar), expectedCount);
    }
    return { items: deviceIds, next: next === null ? null : `${soFar} ${next}` };
  }

  /** The target by one of its ways, and distinct devices. Those of a campaign are named here: as they stand now. */
  private async named({ tenantId, input: { target }, path }: Asked): Promise<Named> {
    const { deviceIds, filter, campaignId, statuses } = target;
    const refuse = (message: string): AppError =>
      new AppError('invalid-request', `target ${message}`, { errors: [{ path: `${path}.target`, message }] });
    if ([deviceIds, filter, campaignId].filter((way) => way != null).length !== 1)
      throw refuse('must have exactly one of deviceIds, filter and campaignId');
    if (statuses != null && campaignId == null) throw refuse('must have no statuses without campaignId');
    if (filter != null) return { filter };
    const distinct =
      campaignId == null
        ? [...new Set(deviceIds)]
        : await underTarget(
            path,
            this.ofCampaign({ tenantId, campaignId, ...(statuses == null ? {} : { statuses }) }),
          );
    if (distinct.length > this.mostNamed) {
      const what = campaignId == null ? 'are named' : 'of the campaign stand so';
      throw new AppError(
        'payload-too-large',
        `${campaignId == null ? distinct.length : `More than ${this.mostNamed}`} devices ${what}; at most ${this.mostNamed} may be. A filter has no limit.`,
      );
    }
    return { deviceIds: distinct };
  }

  /** Stops one device after the most that may be named: who has more is refused. */
  private async ofCampaign(which: {
    readonly tenantId: string;
    readonly campaignId: string;
    readonly statuses?: TargetStatus[];
  }): Promise<string[]> {
    const found: string[] = [];
    for (let after: string | null = null; found.length <= this.mostNamed;) {
      const limit = Math.min(MAX_TARGET_IDS, this.mostNamed + 1 - found.length);
      const page: TargetIds = await this.bus.request(
        readTargetIds,
        { ...which, limit, ...(after === null ? {} : { after }) },
        { timeoutMs: FILTER_TIMEOUT_MS },
      );
      found.push(...page.deviceIds);
      if (page.next === null) break;
      after = page.next;
    }
    return found;
  }

  /** A preview that missed what its caller has just done would be believed. */
  private async catchUp(tenantId: string, filter: string): Promise<void> {
    await this.bus.request(awaitState, { tenantId, filter }, { timeoutMs: FILTER_TIMEOUT_MS });
  }

  private ask(tenantId: string, target: DeviceTarget): Promise<TargetPreview> {
    return this.bus.request(previewTarget, { tenantId, target }, { timeoutMs: FILTER_TIMEOUT_MS });
  }

  private select(request: {
    readonly tenantId: string;
    readonly filter: string;
    readonly limit: number;
    readonly after?: string | undefined;
  }) {
    return this.bus.request(selectDevices, request, { timeoutMs: FILTER_TIMEOUT_MS });
  }
}

type Named =
  | { readonly deviceIds: string[]; readonly filter?: undefined }
  | { readonly filter: string; readonly deviceIds?: undefined };

const moreThanExpected = (matched: number, expected: number): AppError =>
  new AppError(
    'more-devices-than-expected',
    `${matched === 1 ? '1 device matches' : `${matched} devices match`} now, and expectedCount is ${expected}. Nothing was changed.`,
  );

const underTarget = async <T>(path: string, asking: Promise<T>): Promise<T> => {
  try {
    return await asking;
  } catch (error) {
    throw errorUnder(`${path}.target`, error);
  }
};

/** How many devices the pages before had, and the last of them. */
const readCursor = (
  cursor: string | null,
): { readonly found: number; readonly after: string | undefined } => {
  if (cursor === null) return { found: 0, after: undefined };
  const [found = '', after] = cursor.split(' ');
  return { found: Number(found), after };
};
