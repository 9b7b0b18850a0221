import { syncStateAt, type SyncFacts, type SyncState } from '@muster/contracts/configuration/sync-state';
import type { DeviceConfiguration } from './configuration-state.js';

/** Derived from the state and the time, never stored. `unconfirmedAfterMs`: how long a device may stay silent. */
export const syncStateOf = (state: DeviceConfiguration, now: Date, unconfirmedAfterMs: number): SyncState =>
  syncStateAt(syncFactsOf(state), now, unconfirmedAfterMs);

export const syncFactsOf = ({ configId, dispatched, confirmation }: DeviceConfiguration): SyncFacts => ({
  configId,
  dispatched: dispatched && { configId: dispatched.configId, reachedAt: dispatched.reachedAt },
  confirmation: confirmation && {
    configId: confirmation.configId,
    rejected: confirmation.rejection !== null,
  },
});

/** Whether the device refused its document: it is not offered again until it changes or somebody says so. */
export const isRefused = ({ configId, confirmation }: DeviceConfiguration): boolean =>
  confirmation?.configId === configId && confirmation.rejection !== null;

/** Whether the device should be sent its document, as soon as it can be reached. */
export const isDue = ({ ended, configId, confirmation, observe }: DeviceConfiguration): boolean =>
  !ended && configId !== '' && observe !== false && confirmation?.configId !== configId;

/**
 * The same, asked because the device can be reached since `reachableAt`. What was put on the wire for it after that has
 * reached it: a change that comes while it subscribes would be sent twice, once for each reason.
 */
export const isDueSince = (state: DeviceConfiguration, reachableAt = ''): boolean => {
  const { dispatched, configId } = state;
  const reached = dispatched?.subscriber === true && dispatched.configId === configId;
  return isDue(state) && !(reached && reachableAt !== '' && dispatched.at > reachableAt);
};

/**
 * The same, asked because of a change. Who was sent the document since the change has it on its way: a device that
 * subscribes at that moment would get it twice, once for each reason.
 */
export const isDueAfterChange = (state: DeviceConfiguration): boolean =>
  isDue(state) && !state.sentSinceChange;

/**
 * Whether the last document that the device was sent is another than the current one, although it is due that. Two pushes
 * at the same time may put their documents on the wire in the wrong order; the event of the change is long consumed then.
 */
export const isSuperseded = (state: DeviceConfiguration): boolean =>
  isDueAfterChange(state) &&
  state.dispatched?.subscriber === true &&
  state.dispatched.configId !== state.configId;
