import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@muster/observability';
import type { DeviceDirectory } from '@muster/uplink';
import { offerApart, PAGE } from './ask-on.js';
import type { PushTarget } from './wire.js';

const AGAIN_MS = 5_000;

export interface PushAtStartParts {
  readonly directory: Pick<DeviceDirectory, 'devices'>;
  readonly pusher: { push(targets: readonly PushTarget[], reason: 'changed'): Promise<void> };
  /** What is being sent since then is left to who sends it. */
  readonly since: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Milliseconds between tries while the service or the wire is away. Default 5,000. */
  readonly againMs?: number;
}

/**
 * Once after the start: every device of this door is sent what is due to it and was not put on the wire since it is.
 * What a process that died had in hand, or knew of sessions, is made up for by this. Pages of 500 questions, of which
 * only what is due costs a push; 100,000 devices are 200 questions. Never rejects.
 */
export const pushAtStart = async ({
  directory,
  pusher,
  since,
  logger,
  signal,
  againMs = AGAIN_MS,
}: PushAtStartParts): Promise<void> => {
  const devices = directory.devices().map((device) => ({ ...device, reachableAt: since }));
  for (let from = 0; from < devices.length && !signal.aborted;) {
    try {
      await offerApart((some) => pusher.push(some, 'changed'), devices.slice(from, from + PAGE), logger);
      from += PAGE;
    } catch (error) {
      logger.warn({ err: error, devices: devices.length - from }, 'what is due is asked for later');
      await sleep(againMs, undefined, { signal }).catch(() => undefined);
    }
  }
};
