import type { DeviceState } from '@muster/contracts/configuration/campaign.requests';
import type { DeviceConfiguration } from '../device-configuration/configuration-state.js';

/** How a device stands, in these keys, or all: what campaigns and supervisions judge by. */
export const deviceStateOf = (
  deviceId: string,
  state: DeviceConfiguration,
  keys: readonly string[] | undefined,
): DeviceState => {
  const { ended, streamVersion: version, configId, observe, dispatched, confirmation } = state;
  const confirmed = confirmation?.configId === configId ? confirmation : null;
  return {
    deviceId,
    ended,
    version,
    configId,
    desired: only(state.desired, keys),
    withdrawn: only(state.withdrawn, keys),
    reported: only(state.reported, keys),
    ...(dispatched === null
      ? {}
      : {
          sent: {
            configId: dispatched.configId,
            subscriber: dispatched.subscriber,
            at: dispatched.at,
            ...(dispatched.reachedAt === null ? {} : { reachedAt: dispatched.reachedAt }),
          },
        }),
    ...(observe === false ? { observe } : {}),
    ...(confirmed === null
      ? {}
      : {
          confirmed: {
            at: confirmed.at,
            ...(confirmed.rejection === null ? {} : { rejection: confirmed.rejection }),
          },
        }),
  };
};

const only = <Entry>(
  entries: Readonly<Record<string, Entry>>,
  keys: readonly string[] | undefined,
): Record<string, Entry> => {
  // Null in an optional field passes the contract's rules and means the same as absent.
  if (keys == null) return { ...entries };
  const found = keys.flatMap((key) => {
    const entry = Object.hasOwn(entries, key) ? entries[key] : undefined;
    return entry === undefined ? [] : [[key, entry] as const];
  });
  return Object.fromEntries(found);
};
