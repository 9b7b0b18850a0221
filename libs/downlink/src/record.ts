import { setTimeout as sleep } from 'node:timers/promises';
import { isPassing, type BulkOutcome } from '@muster/contracts';
import type { DeviceKey } from '@muster/contracts/configuration/documents.requests';
import type { Logger } from '@muster/observability';

export interface Recorded extends BulkOutcome {
  /** Devices that were sent something that was not what they should have any more. */
  readonly superseded?: readonly DeviceKey[];
}

const MOST = 500;
const TRIES = 5;
const AGAIN_MS = 50;

/**
 * Tells what became of pushes. Returns who is due again, because what was sent is superseded. Gives single ones up after a
 * few tries, which only leaves the record behind the facts: the device has what it was sent.
 */
export const recordAll = async <Dispatch>(
  dispatches: readonly Dispatch[],
  record: (dispatches: Dispatch[]) => Promise<Recorded>,
  logger: Logger,
): Promise<DeviceKey[]> => {
  const again: DeviceKey[] = [];
  for (let from = 0; from < dispatches.length; from += MOST) {
    let left = dispatches.slice(from, from + MOST);
    for (let tries = 0; left.length > 0 && tries < TRIES; tries += 1) {
      if (tries > 0) await sleep(AGAIN_MS * 2 ** tries);
      const { outcomes, superseded = [] } = await record(left);
      again.push(...superseded);
      left = left.filter((_, index) => isPassing(outcomes[index]));
    }
    if (left.length > 0) logger.warn({ dispatches: left.length }, 'dispatches could not be recorded');
  }
  return again;
};
