import type { JsonObject } from '@muster/contracts';
import { mapObject, twinKey } from '@muster/contracts/iothub-adapter/twin-keys';
import { wrongForTwin } from '@muster/contracts/iothub-adapter/twin-limits';
import type { Addressee, Push, Wire } from '@muster/downlink';
import type { Logger } from '@muster/observability';
import { HubFailure } from '../azure/hub-rest.js';
import { patchDesired } from '../azure/hub-twins.js';
import type { HubLinks } from '../events/hub-links.js';
import { NAMESPACE, withoutMetadata } from '../events/reported-requests.js';
import { NotItsTurn, type HubThrottle } from '../hub/hub-throttle.js';
import type { OpenHub, OpenHubs } from '../hub/open-hubs.js';
import type { IdentityLedger } from '../identity/identity-ledger.js';
import { desiredPatch } from './desired-patch.js';
import type { HubCommands } from './hub-commands.js';
import type { OwedOffers } from './owed-offers.js';
import type { SayAsDevice } from './say-as-device.js';
import type { LeftTwins } from '../twin/left-twins.js';

export interface HubWireParts {
  readonly hubs: OpenHubs;
  readonly ledger: IdentityLedger;
  readonly links: HubLinks;
  readonly throttle: HubThrottle;
  readonly commands: HubCommands;
  readonly owed: OwedOffers;
  readonly say: SayAsDevice;
  readonly twins: LeftTwins;
  readonly logger: Logger;
}

/** Somebody else changes the twin at the same time. */
const TRIES = 5;

/**
 * What devices in hubs are told: documents as desired properties, in `muster`, where they wait for a device that is away;
 * commands as `HubCommands` sends them. Throws nothing that a hub says: where one is away, or may not be asked
 * more often, the device is offered what is due to it later, and nobody waits for it here.
 */
export const hubWire = (parts: HubWireParts): Wire => {
  const { hubs, ledger, links, throttle, commands, owed, twins, say, logger } = parts;
  return {
    interface: 'iothub',
    covers: () => true,
    send: async (to, push) => {
      const hubId = await ledger.hubWith(to.token);
      const open = hubId === undefined ? undefined : await hubs.one(hubId);
      // There is no identity yet; the device is offered all once there is.
      if (open === undefined) return false;
      try {
        return push.extension === 'cex'
          ? await commands.send(open, to, push)
          : await document(open, to, push);
      } catch (error) {
        if (error instanceof NotItsTurn) {
          await owed.queue({ ...to, extension: push.extension }, open.hub, error.of);
          return 'later';
        }
        if (!(error instanceof HubFailure)) throw error;
        const { tenantId, deviceId } = to;
        logger.info({ err: error, tenantId, deviceId, hub: open.hub.name }, 'a device is told later');
        await owed.owe({ ...to, extension: push.extension });
        // What is the device's own matter, as that there is none of it any more, keeps nobody waiting.
        return error.passes || error.status === 401 || error.status === 403 ? 'later' : false;
      }
    },
  };

  async function document(open: OpenHub, to: Addressee, push: Push): Promise<boolean> {
    const { configId, config } = JSON.parse(push.body) as { configId: string; config: JsonObject }; // kp1 has written it
    const told = { configId, config: mapObject(config, twinKey) };
    const [, , name] = push.path;
    const ours: JsonObject =
      push.extension === 'cmx'
        ? { configuration: told }
        : name === undefined
          ? { software: told }
          : { softwareOf: { [name]: told } };
    const wrong = await desire(open, to, push, ours);
    if (wrong !== undefined) {
      // As if the device had said it: it is what keeps the document from being applied, and shown where that is.
      await say(to.token, [push.extension, 'applied', 'json', ...(name === undefined ? [] : [name])], {
        configId,
        statusCode: 413,
        reasonPhrase: wrong,
      });
      return false;
    }
    // Of whom the hub tells nothing it is not known; the twin has it in any case.
    return (await links.isConnected(open.hub.id, to.token)) !== false;
  }

  /** Returns why it cannot be; undefined: it is done. */
  async function desire(
    { hub, rest }: OpenHub,
    to: Addressee,
    push: Push,
    ours: JsonObject,
  ): Promise<string | undefined> {
    const id = to.token;
    let isQueued = owed.isOffering({ ...to, extension: push.extension });
    for (let tries = 1; ; tries += 1) {
      // The scarcer one first: who has to wait for it has not spent a reading.
      await throttle.turn(hub, 'twin-updates', isQueued);
      const { etag, properties } = await throttle.readTwin(hub, rest, id);
      isQueued = true;
      const desired = withoutMetadata(properties.desired);
      const current = desired[NAMESPACE] as JsonObject | undefined; // nobody else writes there
      const wanted: JsonObject = { ...current, ...ours };
      const softwareOf = {
        ...(current?.['softwareOf'] as JsonObject),
        ...(ours['softwareOf'] as JsonObject),
      };
      if (ours['softwareOf'] !== undefined) wanted['softwareOf'] = softwareOf;
      const wrong = wrongForTwin({ ...desired, [NAMESPACE]: wanted });
      const patch = wrong === undefined ? desiredPatch(current, wanted) : undefined;
      if (patch === undefined) {
        await throttle.giveBack(hub, 'twin-updates');
        return wrong;
      }
      try {
        await twins.begin(hub.id, id);
        const asked = patchDesired(rest, id, etag, { [NAMESPACE]: patch });
        await twins.left(hub.id, id, await throttle.heeded(hub, 'twin-updates', asked));
        return undefined;
      } catch (error) {
        if (!(error instanceof HubFailure)) throw error;
        if (error.status === 400) return `the IoT Hub refuses it: ${error.reason}`;
        if (error.status !== 412 || tries === TRIES) throw error;
      }
    }
  }
};
