import { sameJson } from '@muster/contracts/same-json';
import { startUpkeep, type Logger, type Metrics, type Upkeep } from '@muster/observability';
import { HubFailure } from '../azure/hub-rest.js';
import { patchDesired } from '../azure/hub-twins.js';
import { isObject, NAMESPACE } from '../events/reported-requests.js';
import type { HubThrottle } from '../hub/hub-throttle.js';
import type { OpenHub, OpenHubs } from '../hub/open-hubs.js';
import { desiredPatch } from '../outbound/desired-patch.js';
import type { LeftTwins, SuspectTwin } from './left-twins.js';

const AT_ONCE = 20;

/**
 * What others have changed of ours in twins is put back: what a device is to have is decided here. What is not ours is theirs,
 * and stays; both are shown where the device is. Over and over, every replica some of them.
 */
export const startForeignChanges = (parts: {
  readonly hubs: OpenHubs;
  readonly twins: LeftTwins;
  readonly throttle: HubThrottle;
  readonly everyMs: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}): Upkeep => {
  const { hubs, twins, throttle, everyMs, logger } = parts;
  const undone = parts.metrics.counter(
    'muster_iothub_foreign_changes_total',
    'Twins in which somebody else had changed what is ours, and in which it was put back',
  );
  return startUpkeep({
    what: 'putting back what others have changed in twins',
    everyMs,
    round: () => hubs.eachSome(someOf),
    logger,
  });

  /** True: there is more that may be done at once. */
  async function someOf(open: OpenHub): Promise<boolean> {
    const suspects = await twins.claim(open.hub.id, AT_ONCE);
    await Promise.all(
      suspects.map(async (suspect) => {
        try {
          await look(open, suspect);
        } catch (error) {
          if (!(error instanceof HubFailure)) throw error;
          // With its lease over it is looked at again; what has changed meanwhile is seen then.
          if (error.status === 404) await twins.forget(open.hub.id, suspect.hubDeviceId);
          else logger.info({ err: error, hub: open.hub.name }, 'a twin is looked at again later');
        }
      }),
    );
    return suspects.length === AT_ONCE;
  }

  async function look({ hub, rest }: OpenHub, { hubDeviceId, version, ours }: SuspectTwin): Promise<void> {
    const { etag, properties } = await throttle.readTwin(hub, rest, hubDeviceId);
    const current = properties.desired[NAMESPACE];
    if (properties.desired['$version'] === version || sameJson(isObject(current) ? current : {}, ours))
      return twins.unchanged(hub.id, hubDeviceId);
    await throttle.turn(hub, 'twin-updates', false);
    const patch = isObject(current) ? (desiredPatch(current, ours) ?? {}) : ours;
    const asked = patchDesired(rest, hubDeviceId, etag, { [NAMESPACE]: patch });
    await twins.left(hub.id, hubDeviceId, await throttle.heeded(hub, 'twin-updates', asked));
    await twins.putBack(hub.id, hubDeviceId);
    undone.inc();
    logger.warn(
      { hub: hub.name, hubDeviceId },
      'somebody else had changed the configuration in a twin; it was put back',
    );
  }
};
