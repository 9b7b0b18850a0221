import type {
  ConfigurationKeyView,
  ConfigurationView,
  SyncState,
} from '@muster/contracts/configuration/requests';
import { sameJson } from '@muster/contracts/same-json';
import type { DeviceConfiguration } from './configuration-state.js';

/** What operators see of a device's configuration, now or in the past. */
export const viewOf = (
  deviceId: string,
  state: DeviceConfiguration,
  syncState: SyncState,
): ConfigurationView => {
  const { confirmation } = state;
  const rejection = syncState === 'rejected' ? confirmation?.rejection : null;
  return {
    deviceId,
    version: state.version,
    configId: state.configId,
    syncState,
    ...(rejection == null || confirmation === null
      ? {}
      : { rejection: { ...rejection, at: confirmation.at } }),
    keys: keysOf(state),
  };
};

const keysOf = (state: DeviceConfiguration): Record<string, ConfigurationKeyView> => {
  const desired = new Map(Object.entries(state.desired));
  const reported = new Map(Object.entries(state.reported));
  const names = [...new Set([...desired.keys(), ...reported.keys()])].sort();
  return Object.fromEntries(
    names.map((name) => {
      const want = desired.get(name);
      const have = reported.get(name);
      const view: ConfigurationKeyView = {
        ...(want === undefined
          ? {}
          : { desired: want.value, origin: want.origin, desiredAt: want.at, desiredBy: want.by }),
        ...(have === undefined ? {} : { reported: have.value, reportedAt: have.at }),
        inSync: want !== undefined && have !== undefined && sameJson(want.value, have.value),
      };
      return [name, view];
    }),
  );
};
