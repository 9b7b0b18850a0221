import { AppError } from '@muster/contracts';
import type { Database, Queryable } from '@muster/event-store';
import type { Bus } from '@muster/messaging';
import { startUpkeep, type Logger, type Metrics, type Upkeep } from '@muster/observability';
import { readIdentity } from '../azure/hub-identities.js';
import { HubFailure } from '../azure/hub-rest.js';
import type { HubBudget } from '../hub/hub-budget.js';
import type { OpenHub, OpenHubs } from '../hub/open-hubs.js';
import { adoptIdentity, refusal } from './adopt-identity.js';
import type { ClaimedStranger, Findings, Settled } from './findings.js';

export interface HubEnrolmentParts {
  readonly database: Database;
  readonly bus: Pick<Bus, 'request'>;
  readonly hubs: OpenHubs;
  readonly budget: HubBudget;
  readonly findings: Findings;
  readonly everyMs: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** At the same time, in one hub, by one replica. */
const AT_ONCE = 20;
const MAX_PAUSE_SECONDS = 300;

/**
 * Holds the rule of a hub against identities that others have made in it, of which the hub has told: over and over, every
 * replica some of them. The registry makes the device, once, and counts it. Who is not taken stays among the findings, with the
 * reason, until the rule changes.
 */
export const startHubEnrolments = (parts: HubEnrolmentParts): Upkeep => {
  const { hubs, findings, budget, bus, database, everyMs, logger } = parts;
  const outcomes = parts.metrics.counter(
    'muster_iothub_enrolments_total',
    'Identities that others have made in an IoT Hub, and what became of them',
    ['outcome'],
  );
  return startUpkeep({
    what: 'enrolling devices of IoT Hubs',
    everyMs,
    round: () => hubs.eachSome(someOf),
    logger,
  });

  /** True: there is more that may be done at once. */
  async function someOf(open: OpenHub): Promise<boolean> {
    const strangers = await findings.claimStrangers(open.hub.id, AT_ONCE);
    if (strangers.length === 0) return false;
    // With the rule as it is after they were claimed: a change of it before that has made them due.
    const now = await hubs.one(open.hub.id);
    if (now === undefined) return false;
    await Promise.all(strangers.map((one) => decide(now, one)));
    return strangers.length === AT_ONCE;
  }

  async function decide(open: OpenHub, stranger: ClaimedStranger): Promise<void> {
    const { hub } = open;
    const { hubDeviceId, attempts } = stranger;
    try {
      const settled = await judge(open, hubDeviceId);
      if (settled === undefined) {
        await findings.drop(database, hub, hubDeviceId);
        return;
      }
      await findings.judged(hub, stranger, settled);
      outcomes.inc({ outcome: settled.code ?? settled.outcome });
      const { code, detail } = settled;
      if (code !== undefined)
        logger.info(
          { hub: hub.name, hubDeviceId, code, reason: detail },
          'a device of an IoT Hub was not enrolled',
        );
    } catch (error) {
      // The hub or the registry is away; whatever else it is, others go on, and it is in the log.
      logger.warn({ err: error, hub: hub.name }, 'an enrolment is tried again');
      const seconds = error instanceof HubFailure ? error.retryAfterSeconds : undefined;
      if (error instanceof HubFailure && error.status === 429)
        await budget.drain(hub, 'identities', seconds ?? 1);
      await findings.later(
        hub.id,
        stranger,
        seconds ?? Math.min(MAX_PAUSE_SECONDS, 2 ** Math.min(attempts, 10)),
      );
    }
  }

  /** Undefined: the hub has it no more. */
  async function judge({ hub, rest }: OpenHub, hubDeviceId: string): Promise<Settled | undefined> {
    const { enrolment: rule } = hub;
    if (rule == null) return refusal('enrolment-disabled', 'The IoT Hub has no rule for enrolment.');
    if (!rule.enabled)
      return refusal('enrolment-disabled', "The IoT Hub's rule for enrolment is switched off.");
    if ((await budget.take(hub, 'identities', 1)) === 0)
      throw new AppError('unavailable', 'The IoT Hub may not be asked more often.');
    const found = await readIdentity(rest, hubDeviceId);
    if (found === undefined) return undefined;
    const { type } = found.authentication;
    if (!rule.authentication.includes(type))
      return refusal('enrolment-refused', `Its authentication is ${type}, which the rule does not take.`);
    const { deviceType, appVersion, folder, tags, limit } = rule;
    const { enrolled, ...settled } = await adoptIdentity(bus, {
      ...{ hub, hubDeviceId, found },
      device: {
        deviceType,
        ...(appVersion === undefined ? {} : { appVersion }),
        ...(folder === undefined ? {} : { folder }),
        ...(tags === undefined ? {} : { tags: [...tags] }),
      },
      // The registry writes down the device itself, as of all who enrol.
      actor: { kind: 'system', id: 'iothub-adapter' },
      byRule: { limit },
    });
    if (enrolled !== undefined) await countEnrolled(database, hub.id, enrolled);
    return settled;
  }
};

/** What the registry has counted, which never falls. */
const countEnrolled = async (to: Queryable, hubId: string, enrolled: number): Promise<void> => {
  await to.query({
    text: `INSERT INTO hub_enrolments AS e (hub_id, enrolled) VALUES ($1, $2)
           ON CONFLICT (hub_id) DO UPDATE SET enrolled = greatest(e.enrolled, excluded.enrolled)`,
    values: [hubId, enrolled],
  });
};

export const enrolledIn = async (from: Queryable, hubId: string): Promise<number> => {
  const { rows } = await from.query<{ enrolled: number }>({
    text: 'SELECT enrolled FROM hub_enrolments WHERE hub_id = $1',
    values: [hubId],
  });
  return rows[0]?.enrolled ?? 0;
};
