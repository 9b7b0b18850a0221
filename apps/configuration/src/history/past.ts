import { AppError } from '@muster/contracts';
import type { GetConfiguration } from '@muster/contracts/configuration/requests';
import type { EventStore } from '@muster/event-store';
import { currentDeadline } from '@muster/messaging';
import { initial, type DeviceConfiguration } from '../device-configuration/configuration-state.js';
import { deviceConfiguration, evolve } from '../device-configuration/device-configuration.decider.js';
import { invalid, timeOf } from './moments.js';

/** A long stream is folded without ever being in memory as a whole. */
const READ_AT_ONCE = 500;

export interface Past {
  readonly state: DeviceConfiguration;
  /** The moment that `state` is of. */
  readonly asOf: Date;
}

export const asksForPast = ({ version, at }: GetConfiguration): boolean =>
  version !== undefined || at !== undefined;

/**
 * The stream folded by today's `evolve` up to a version or a time. By time: up to the first event that is later, since
 * what came after it was known later still, whatever the clock of whoever reported it said. `whenEmpty` is called when
 * there is no event at all, and may throw. Throws `invalid-request`, `configuration-version-not-found`,
 * `deadline-exceeded`.
 */
export const readPast = async (
  store: EventStore,
  { tenantId, deviceId, version, at }: GetConfiguration,
  whenEmpty: () => Promise<void>,
): Promise<Past> => {
  if (version !== undefined && at !== undefined) invalid('at', 'cannot be given together with version');
  const now = Date.now();
  const until = at === undefined ? now : Math.min(Date.parse(at), now);
  let state = initial;
  let asOf = until;

  for (let readTo = 0; ;) {
    assertInTime();
    const events = await store.readStream(tenantId, deviceConfiguration, deviceId, {
      fromVersion: readTo + 1,
      // Of version 0 the first event is read too: it tells that there is a stream.
      toVersion: version === undefined ? undefined : Math.max(version, 1),
      limit: READ_AT_ONCE,
    });
    if (readTo === 0 && events.length === 0) await whenEmpty();
    for (const event of events) {
      const time = Date.parse(timeOf(event));
      if (version === undefined ? time > until : event.version > version) {
        return { state, asOf: new Date(asOf) };
      }
      state = evolve(state, event);
      if (version !== undefined) asOf = time;
    }
    readTo += events.length;
    if (events.length < READ_AT_ONCE) break;
  }
  if (version === undefined || version === state.streamVersion) return { state, asOf: new Date(asOf) };
  throw new AppError(
    'configuration-version-not-found',
    `The last version of this configuration is ${state.streamVersion}.`,
  );
};

/** Nobody waits for the answer any more: a stream of a million events must not keep the database busy for nothing. */
const assertInTime = (): void => {
  const deadline = currentDeadline();
  if (deadline === undefined || Date.now() < deadline) return;
  throw new AppError('deadline-exceeded', 'The stream is too long to be read in time.');
};
