import { setTimeout as sleep } from 'node:timers/promises';
import type { ReceivedEventData } from '@azure/event-hubs';
import { AppError, isPassing, type JsonObject } from '@muster/contracts';
import { park, reasonOf, type Bus } from '@muster/messaging';
import type { Logger, Metrics } from '@muster/observability';
import { tokenHint, Unprocessable, type Admitted, type Outcome, type Uplink } from '@muster/uplink';
import type { HubRoutes } from '../hub/hub-routes.js';
import { isProbe } from '../hub/probe.js';
import type { LeftTwins } from '../twin/left-twins.js';
import type { Findings } from '../reconcile/findings.js';
import { HubFailure } from '../azure/hub-rest.js';
import type { HubThrottle } from '../hub/hub-throttle.js';
import type { OpenHub } from '../hub/open-hubs.js';
import type { IdentityLedger } from '../identity/identity-ledger.js';
import { readHubEvent, routeOf, type HubEvent } from './hub-event.js';
import { asParked, PARKED_EVENTS } from './parked-events.js';
import type { HubLinks } from './hub-links.js';
import { partlyTold, reportsOf } from './reported-requests.js';

export interface HubEventParts {
  readonly uplink: Pick<Uplink, 'questions' | 'answer' | 'refusals'>;
  readonly links: HubLinks;
  readonly ledger: IdentityLedger;
  readonly throttle: HubThrottle;
  readonly findings: Findings;
  readonly routes: HubRoutes;
  readonly twins: LeftTwins;
  readonly bus: Bus;
  /** A device of the hub can be reached since then, ISO. */
  readonly connected: (device: Admitted['entry'], since: string) => void;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const AGAIN_MS = 500;

/** Nobody here may go on with these events: another replica has their partition now, or we stop. */
export class NotWanted extends Error {
  override readonly name = 'NotWanted';
}

/**
 * Events of a hub → what all doors do with what devices say. A batch is done when each of its events is stored, refused for
 * its content, or set aside; until then it is tried, for as long as a service is away, and nothing behind it is read.
 */
export class HubEventHandler {
  private readonly outcomes;

  constructor(private readonly parts: HubEventParts) {
    this.outcomes = parts.metrics.counter(
      'muster_iothub_events_total',
      'Events of IoT Hubs, and what became of them',
      ['kind', 'outcome'],
    );
  }

  /** Rejects with `NotWanted` when `isWanted` ends before all is done. */
  async handle(hub: OpenHub, events: readonly ReceivedEventData[], isWanted: () => boolean): Promise<void> {
    // What a device reports and how it is connected is done in its order; its messages keep theirs behind uplink.
    const ordered = new Map<string, Promise<void>>();
    await Promise.all(
      events.map((received) => {
        const event = this.read(hub, received);
        if (event === undefined) return Promise.resolve();
        const seen = this.saw(hub, received, event);
        if (event.kind === 'nothing' || isProbe(event.hubDeviceId)) return seen;
        const work = () => this.untilDone(hub, event, isWanted);
        if (event.kind === 'message') return work();
        const before = ordered.get(event.hubDeviceId) ?? Promise.resolve();
        const after = before.then(work);
        ordered.set(event.hubDeviceId, after);
        return after;
      }),
    );
  }

  /** That a route tells. To miss it once does no harm: the next event says the same. */
  private async saw({ hub }: OpenHub, received: ReceivedEventData, event: HubEvent): Promise<void> {
    const route = routeOf(received);
    if (route === undefined) return;
    try {
      await this.parts.routes.saw(hub.id, route, event.hubDeviceId, new Date(event.arrivedAt / 1_000));
    } catch (error) {
      this.parts.logger.warn({ err: error, hub: hub.name, route }, 'it was not noted that a route works');
    }
  }

  private read(hub: OpenHub, received: ReceivedEventData): HubEvent | undefined {
    try {
      return readHubEvent(received);
    } catch (error) {
      // By a change of Azure or somebody who sends to the event hub himself; nobody can do anything with it here.
      this.parts.logger.error({ err: error, hub: hub.hub.name }, 'an event of an IoT Hub cannot be read');
      this.outcomes.inc({ kind: 'unknown', outcome: 'unreadable' });
      return undefined;
    }
  }

  private async untilDone(hub: OpenHub, event: HubEvent, isWanted: () => boolean): Promise<void> {
    for (let failures = 0; ; failures += 1) {
      if (!isWanted()) throw new NotWanted();
      try {
        const outcome = await this.once(hub, event, isWanted);
        this.outcomes.inc({ kind: event.kind, outcome });
        return;
      } catch (error) {
        if (error instanceof NotWanted) throw error;
        if (!mayPass(error) && failures > 0) {
          if (await this.isParked(hub, event, error)) return;
        }
        this.tellThatItWaits(hub, event, error);
        await sleep(Math.min(5_000, AGAIN_MS * 2 ** Math.min(failures, 4)));
      }
    }
  }

  /** Nothing behind it in its partition is read meanwhile, so it must be seen why. */
  private tellThatItWaits({ hub }: OpenHub, { kind }: HubEvent, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.parts.uplink.refusals.info(
      `${hub.id} waits ${kind} ${reason}`,
      { hub: hub.name, kind, reason },
      'an event of an IoT Hub waits, and is tried again',
    );
  }

  /** One try. Throws what shall be tried again. */
  async once(hub: OpenHub, event: HubEvent, isWanted: () => boolean): Promise<string> {
    const { hubDeviceId } = event;
    if (event.kind === 'deleted') {
      await this.parts.ledger.gone(hub.hub.id, hubDeviceId);
      await this.parts.findings.goneThere(hub.hub, hubDeviceId);
      await this.parts.twins.forget(hub.hub.id, hubDeviceId);
      return 'done';
    }
    if (event.kind === 'created') {
      // By us, mostly. Of others it is looked at beside: it may need the hub, and nobody behind it shall wait for that.
      const isOurs = await this.parts.ledger.has(hub.hub.id, hubDeviceId);
      if (!isOurs) await this.parts.findings.stranger(hub.hub, hubDeviceId);
      return isOurs ? 'known' : 'done';
    }
    const device = await this.admit(hub, hubDeviceId);
    if (device === undefined) return 'refused';
    switch (event.kind) {
      case 'message': {
        const [extension = '', ...path] = event.resource.split('/');
        return this.settle(await this.answer(device, { ...event, extension, path }, isWanted));
      }
      case 'reported': {
        let outcome = 'done';
        if (event.desired !== undefined)
          await this.parts.twins.changed(hub.hub.id, hubDeviceId, event.desired);
        for (const { extension, path, body } of reportsOf(await this.whole(hub, event))) {
          const payload = Buffer.from(JSON.stringify(body));
          const { arrivedAt } = event;
          outcome = this.settle(await this.answer(device, { arrivedAt, extension, path, payload }, isWanted));
        }
        return outcome;
      }
      case 'connection': {
        const { connected, sequence, arrivedAt } = event;
        const { tenantId, deviceId } = device.entry;
        // By a hub whose clock is ahead nobody is connected since a time to come, and called again for what he was called for by now.
        const at = new Date(Math.min(Math.floor(arrivedAt / 1_000), Date.now())).toISOString();
        const key = { hubId: hub.hub.id, hubDeviceId, tenantId, deviceId };
        const isNews = await this.parts.links.note({ ...key, connected, sequence, at });
        if (isNews && connected) this.parts.connected(device.entry, at);
        return isNews ? 'done' : 'late';
      }
      case 'nothing':
        return 'done';
    }
  }

  /** Undefined: it is none of ours, or may not speak now. */
  private async admit(hub: OpenHub, hubDeviceId: string): Promise<Admitted | undefined> {
    const admission = await this.parts.uplink.questions.admitOnRecord(hubDeviceId);
    // A device of another tenant with the same id is a stranger: the hub speaks for its own tenant alone.
    const isOurs = (admission.admitted ? admission : admission.of)?.entry.tenantId === hub.hub.tenantId;
    if (admission.admitted && isOurs) return admission;
    const reason = admission.admitted || !isOurs ? 'no device of the tenant has this id' : admission.reason;
    this.parts.uplink.refusals.info(
      `${hub.hub.id} ${hubDeviceId} ${reason}`,
      { hub: hub.hub.name, tokenHint: tokenHint(hubDeviceId), reason },
      'an event of an IoT Hub was refused',
    );
    return undefined;
  }

  private answer(
    device: Admitted,
    of: {
      readonly arrivedAt: number;
      readonly extension: string;
      readonly path: readonly string[];
      readonly payload: Buffer;
    },
    isWanted: () => boolean,
  ): Promise<Outcome> {
    const { arrivedAt, extension, path, payload } = of;
    return this.parts.uplink.answer({
      device,
      topic: { appVersion: device.entry.appVersion, extension, path, requestId: undefined },
      payload,
      arrivedAt,
      // Its time is the hub's, and the same when it comes again: that it is known already is seen without a mark.
      redelivered: false,
      duplicate: false,
      isWanted,
      whenAway: 'wait',
    });
  }

  private settle(outcome: Outcome): string {
    switch (outcome.kind) {
      case 'abandoned':
        throw new NotWanted();
      case 'failed':
        throw outcome.cause;
      case 'done':
      case 'refused':
        return outcome.kind;
    }
  }

  /** With the whole of what was changed in part. */
  private async whole(
    { hub, rest }: OpenHub,
    { hubDeviceId, patch }: Extract<HubEvent, { kind: 'reported' }>,
  ): Promise<JsonObject> {
    const nested = partlyTold(patch);
    if (nested.length === 0) return patch;
    try {
      const { reported } = (await this.parts.throttle.readTwin(hub, rest, hubDeviceId)).properties;
      return { ...patch, ...Object.fromEntries(nested.map((key) => [key, reported[key] ?? null])) };
    } catch (error) {
      // Deleted since then, and what it had reported with it.
      if (error instanceof HubFailure && error.status === 404) return {};
      throw error;
    }
  }

  /** False: not yet. */
  private async isParked(hub: OpenHub, event: HubEvent, error: unknown): Promise<boolean> {
    const { hubDeviceId, arrivedAt, kind } = event;
    const reason = error instanceof Unprocessable ? error.message : reasonOf(error);
    this.parts.logger.error({ err: error, hub: hub.hub.name, kind }, 'an event of an IoT Hub is set aside');
    try {
      await park(this.parts.bus, {
        stream: 'iothub',
        consumer: PARKED_EVENTS,
        ...asParked(hub.hub, event),
        id: [hub.hub.id, hubDeviceId, kind, arrivedAt].join('\n'),
        tenantId: hub.hub.tenantId,
        reason,
      });
    } catch (cause) {
      this.parts.logger.error({ err: cause }, 'an event of an IoT Hub could not be set aside yet');
      return false;
    }
    this.outcomes.inc({ kind, outcome: 'parked' });
    return true;
  }
}

const mayPass = (error: unknown): boolean => {
  if (error instanceof HubFailure) return error.passes || error.status === 401 || error.status === 403;
  return error instanceof AppError && isPassing(error);
};
