import { AppError } from '@muster/contracts';
import { failedReplay, unpack, type Replay } from '@muster/messaging';
import { Unprocessable } from '@muster/uplink';
import type { OpenHubs } from '../hub/open-hubs.js';
import { NotWanted, type HubEventHandler } from './hub-event-handler.js';
import { readParked } from './parked-events.js';

/** Somebody waits for the answer; campaign-orchestrator gives up a little later. */
const REPLAY_MS = 8_000;

/** Handles an event of a hub again that was parked, once. */
export const replayEvent =
  (hubs: OpenHubs, handler: HubEventHandler): Replay =>
  async ({ subject, payload, headers }) => {
    const parked = payload && readParked(subject, unpack(payload), headers);
    if (parked === undefined) {
      return { outcome: 'failed', code: 'resource-unknown', detail: 'It is no event of an IoT Hub.' };
    }
    const open = await hubs.all(() => undefined);
    const hub = open.find((one) => one.hub.id === parked.hubId);
    if (hub === undefined) {
      return { outcome: 'failed', code: 'iot-hub-not-found', detail: 'There is no such IoT Hub any more.' };
    }
    const until = Date.now() + REPLAY_MS;
    try {
      await handler.once(hub, parked.event, () => Date.now() < until);
      return { outcome: 'done' };
    } catch (error) {
      if (error instanceof NotWanted) throw new AppError('unavailable', 'It could not be handled in time.');
      return failedReplay(error instanceof Unprocessable ? error.fault : error);
    }
  };
