import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject, JsonValue } from '@muster/contracts';
import type { Addressee, Push, Wire } from '@muster/downlink';
import type { Logger } from '@muster/observability';
import type { Uplink } from '@muster/uplink';
import { callMethod } from '../azure/hub-methods.js';
import { HubFailure, type HubRest } from '../azure/hub-rest.js';
import { patchDesired, readTwin, type HubTwin } from '../azure/hub-twins.js';
import type { HubLinks } from '../events/hub-links.js';
import { NAMESPACE, withoutMetadata } from '../events/reported-requests.js';
import { mapObject, twinKey } from '../events/twin-keys.js';
import type { HubBudget } from '../hub/hub-budget.js';
import type { RateClass } from '../hub/hub-rates.js';
import type { StoredHub } from '../hub/hubs.projection.js';
import type { OpenHub, OpenHubs } from '../hub/open-hubs.js';
import type { IdentityLedger } from '../identity/identity-ledger.js';
import { desiredPatch } from './desired-patch.js';
import type { OwedOffers } from './owed-offers.js';
import { wrongForTwin } from './twin-limits.js';

export interface HubWireParts {
  readonly hubs: OpenHubs;
  readonly ledger: IdentityLedger;
  readonly links: HubLinks;
  readonly budget: HubBudget;
  readonly owed: OwedOffers;
  readonly uplink: Pick<Uplink, 'questions' | 'answer' | 'arrival'>;
  readonly logger: Logger;
}

/** Somebody else changes the twin at the same time. */
const TRIES = 5;
const METHOD_SECONDS = 30;

/** The hub may not be asked more often: whose turn comes later. */
class NotItsTurn extends Error {
  constructor(readonly of: RateClass) {
    super(`the throttle of ${of}`);
  }
}

/**
 * What devices in hubs are told: documents as desired properties, in `muster`, where they wait for a device that is away;
 * commands as direct methods, whose answers are results. Throws nothing that a hub says: where one is away, or may not be asked
 * more often, the device is offered what is due to it later, and nobody waits for it here.
 */
export const hubWire = (parts: HubWireParts): Wire => {
  const { hubs, ledger, links, budget, owed, uplink, logger } = parts;
  return {
    interface: 'iothub',
    covers: () => true,
    send: async (to, push) => {
      const hubId = await ledger.hubWith(to.token);
      const open = hubId === undefined ? undefined : await hubs.one(hubId);
      // There is no identity yet; the device is offered all once there is.
      if (open === undefined) return false;
      try {
        return push.extension === 'cex' ? await command(open, to, push) : await document(open, to, push);
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
      await say(to, [push.extension, 'applied', 'json', ...(name === undefined ? [] : [name])], {
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
      await turn(hub, 'twin-updates', isQueued);
      const { etag, properties } = await read(hub, rest, id);
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
        await budget.giveBack(hub, 'twin-updates');
        return wrong;
      }
      try {
        await throttled(hub, 'twin-updates', patchDesired(rest, id, etag, { [NAMESPACE]: patch }));
        return undefined;
      } catch (error) {
        if (!(error instanceof HubFailure)) throw error;
        if (error.status === 400) return `the IoT Hub refuses it: ${error.reason}`;
        if (error.status !== 412 || tries === TRIES) throw error;
      }
    }
  }

  async function command(open: OpenHub, to: Addressee, push: Push): Promise<boolean> {
    const { hub, rest } = open;
    const [, type = ''] = push.path;
    const commands = JSON.parse(push.body) as { id: number; payload?: JsonValue }[]; // kp1 has written it
    for (const { id, payload = null } of commands) {
      const left =
        push.expiresAt === undefined ? Infinity : (Date.parse(push.expiresAt) - Date.now()) / 1_000;
      // It is over, and commands says so.
      if (left <= 0) return true;
      await turn(hub, 'methods', owed.isOffering({ ...to, extension: push.extension }));
      const seconds = Math.min(left, METHOD_SECONDS);
      const outcome = await throttled(
        hub,
        'methods',
        callMethod(rest, to.token, { name: type, payload, seconds }),
      );
      if (outcome.kind === 'away') return false;
      if (outcome.kind === 'silent') continue;
      await say(to, ['cex', 'result', type], {
        id,
        statusCode: outcome.status,
        ...(outcome.payload === undefined ? {} : { payload: outcome.payload }),
      });
    }
    return true;
  }

  /** What the device says, or is as good as said by it. */
  async function say(
    to: Addressee,
    [extension = '', ...path]: readonly string[],
    body: JsonObject,
  ): Promise<void> {
    const device = await uplink.questions.admitOnRecord(to.token);
    if (!device.admitted) return;
    await uplink.answer({
      device,
      topic: { appVersion: device.entry.appVersion, extension, path, requestId: undefined },
      payload: Buffer.from(JSON.stringify(body)),
      arrivedAt: uplink.arrival(),
      redelivered: false,
      duplicate: false,
      isWanted: () => true,
      whenAway: 'wait',
    });
  }

  async function read(hub: StoredHub, rest: HubRest, id: string): Promise<HubTwin> {
    const waitMs = await budget.reserve(hub, 'twin-reads', { isQueued: true });
    if (waitMs === undefined) {
      await budget.giveBack(hub, 'twin-updates');
      throw new NotItsTurn('twin-updates');
    }
    await sleep(waitMs);
    return throttled(hub, 'twin-reads', readTwin(rest, id));
  }

  /** Waits until the hub may be asked, a moment at most. Throws `NotItsTurn`. */
  async function turn(hub: StoredHub, of: RateClass, isQueued: boolean): Promise<void> {
    const waitMs = await budget.reserve(hub, of, { isQueued });
    if (waitMs === undefined) throw new NotItsTurn(of);
    if (waitMs > 0) await sleep(waitMs);
  }

  /** A hub that has had too much says for how long nobody is to ask. Throws `NotItsTurn`, and all else that it says. */
  async function throttled<T>(hub: StoredHub, of: RateClass, asked: Promise<T>): Promise<T> {
    try {
      return await asked;
    } catch (error) {
      if (!(error instanceof HubFailure) || error.status !== 429) throw error;
      await budget.drain(hub, of, error.retryAfterSeconds ?? 1);
      throw new NotItsTurn(of === 'twin-reads' ? 'twin-updates' : of);
    }
  }
};
