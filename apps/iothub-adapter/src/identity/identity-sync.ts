import { startUpkeep, type Logger, type Metrics, type Upkeep } from '@muster/observability';
import { deleteIdentity, putIdentity } from '../azure/hub-identities.js';
import { HubFailure } from '../azure/hub-rest.js';
import type { HubBudget } from '../hub/hub-budget.js';
import type { OpenHub, OpenHubs } from '../hub/open-hubs.js';
import type { IdentityLedger, IdentityTask } from './identity-ledger.js';

export interface IdentitySyncParts {
  readonly hubs: OpenHubs;
  readonly ledger: IdentityLedger;
  readonly budget: HubBudget;
  /** There is an identity now by which the device can be reached. */
  readonly made: (device: Pick<IdentityTask, 'tenantId' | 'deviceId'>) => void;
  readonly everyMs: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** At the same time, in one hub, by one replica. */
const AT_ONCE = 20;
const MAX_PAUSE_SECONDS = 300;

/**
 * Makes, changes and removes identities in hubs, as the ledger wants it: over and over, every replica some of them. Whatever
 * the hub says, it is tried again, with growing pauses up to five minutes, and its words are kept beside the wish: what is
 * wrong with a hub is put right there, and nobody has to come back here for it.
 */
export const startIdentitySync = (parts: IdentitySyncParts): Upkeep => {
  const outcomes = parts.metrics.counter(
    'muster_iothub_identities_total',
    'Identities that were brought to what is wanted in an IoT Hub, or not',
    ['outcome'],
  );
  const told = new Set<string>();
  return startUpkeep({
    what: 'bringing identities to IoT Hubs',
    everyMs: parts.everyMs,
    round: () =>
      parts.hubs.eachSome(someOf, (hub, error) => {
        if (!told.has(hub.id)) parts.logger.error({ err: error, hub: hub.name }, 'an IoT Hub cannot be used');
        told.add(hub.id);
      }),
    logger: parts.logger,
  });

  /** True: there is more that may be done at once. */
  async function someOf(open: OpenHub): Promise<boolean> {
    const { hub } = open;
    const due = await parts.ledger.countDue(hub.id, AT_ONCE);
    if (due === 0) return false;
    const granted = await parts.budget.take(hub, 'identities', due);
    if (granted === 0) return false;
    const tasks = await parts.ledger.claim(hub.id, granted);
    await Promise.all(tasks.map((task) => doOne(open, task)));
    return tasks.length > 0;
  }

  async function doOne({ hub, rest }: OpenHub, task: IdentityTask): Promise<void> {
    const { hubDeviceId, wanted } = task;
    try {
      if (wanted === null) await deleteIdentity(rest, hubDeviceId);
      else await putIdentity(rest, hubDeviceId, wanted);
    } catch (error) {
      if (!(error instanceof HubFailure)) throw error;
      outcomes.inc({ outcome: error.reason });
      if (error.status === 429) {
        await parts.budget.drain(hub, 'identities', error.retryAfterSeconds ?? pauseSeconds(0));
      }
      await parts.ledger.failed(task, error.message, error.retryAfterSeconds ?? pauseSeconds(task.attempts));
      return;
    }
    outcomes.inc({ outcome: wanted === null ? 'removed' : 'made' });
    await parts.ledger.done(task);
    if (wanted !== null) parts.made(task);
  }
};

const pauseSeconds = (attempts: number): number => Math.min(MAX_PAUSE_SECONDS, 2 ** Math.min(attempts, 10));
