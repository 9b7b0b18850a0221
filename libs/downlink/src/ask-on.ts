import { isPassing } from '@muster/contracts';
import type { Logger } from '@muster/observability';
import type { PushTarget } from './wire.js';

/** Devices that one question may be about. */
export const PAGE = 500;

interface Answer<Asked> {
  /** Who did not fit in the answer. */
  readonly askAgain?: readonly Asked[];
}

/**
 * Asks about all of these, as many at a time as the answer has room for. `use` gets each answer and says who is to be asked
 * about once more.
 */
export const askOn = async <Asked, Given extends Answer<Asked>>(
  devices: readonly Asked[],
  ask: (devices: Asked[]) => Promise<Given>,
  use: (answer: Given) => Promise<readonly Asked[]>,
): Promise<void> => {
  let left = [...devices];
  let size = PAGE;
  while (left.length > 0) {
    const asked = left.slice(0, size);
    const answer = await ask(asked);
    const cut = answer.askAgain ?? [];
    // The service looks at all that it is asked about. Where a few fill its answer, it is asked about few.
    size = cut.length === 0 ? PAGE : Math.max(1, 2 * (asked.length - cut.length));
    const again = await use(answer);
    left = [...cut, ...again, ...left.slice(asked.length)];
  }
};

/**
 * Offers all of them what is due; where that fails for a reason that will not pass, each one alone, so that it does not keep
 * the others from theirs, and what fails alone is left out. Returns how many were. Throws faults that pass, for another try
 * with all of them.
 */
export const offerApart = async <Target extends PushTarget>(
  push: (targets: readonly Target[]) => Promise<void>,
  targets: readonly Target[],
  logger: Logger,
): Promise<number> => {
  try {
    await push(targets);
    return 0;
  } catch (error) {
    if (isPassing(error)) throw error;
    const [first, ...others] = targets;
    if (first !== undefined && others.length === 0) {
      const { tenantId, deviceId } = first;
      logger.error({ err: error, tenantId, deviceId }, 'a device could not be offered what is due to it');
      return 1;
    }
    let leftOut = 0;
    for (const one of targets) leftOut += await offerApart(push, [one], logger);
    return leftOut;
  }
};
