import { AppError } from '@muster/contracts';
import type { ReplayMessage, ReplayOutcome } from '@muster/contracts/parked/requests';
import type { Relay, UntoldEvent } from '@muster/event-store';
import { failedReplay, park, unpack, type Bus } from '@muster/messaging';

/** Parks an event that the relay cannot publish: where it lies, not what it says, which stays in the event table. */
export const parkUntold = (
  bus: Bus,
  origin: { readonly stream: string; readonly consumer: string },
  { tenantId, stream, version, reason }: UntoldEvent,
): Promise<void> =>
  park(bus, {
    ...origin,
    id: `${tenantId}:${stream}:${version}`,
    subject: `${stream}@${version}`,
    payload: Buffer.from(JSON.stringify({ stream, version })),
    tenantId,
    reason,
  });

/** Publishes it, when it can be published by now. */
export const replayUntold = async (
  relay: Relay | undefined,
  { tenantId, payload }: ReplayMessage,
): Promise<ReplayOutcome> => {
  if (relay === undefined) throw new AppError('unavailable', 'The relay has not started yet.');
  try {
    const event = JSON.parse(payload === undefined ? '{}' : unpack(payload).toString('utf8')) as {
      readonly stream: string;
      readonly version: number;
    }; // written by `parkUntold` alone
    await relay.publishParked({ tenantId, ...event });
    return { outcome: 'done' };
  } catch (error) {
    return failedReplay(error);
  }
};
