import { AppError } from '@muster/contracts';
import { sameJson } from '@muster/contracts/same-json';
import type { Aggregate } from '@muster/event-store';
import {
  upcast,
  type AppVersion,
  type DeviceTypeEvent,
  type Settings,
  type Summary,
} from './device-type.events.js';

export interface ExistingDeviceType {
  readonly status: 'existing';
  readonly name: string;
  readonly description: string | null;
  /** Oldest first. */
  readonly appVersions: readonly AppVersion[];
  readonly settings: Settings;
}

export type DeviceType =
  ExistingDeviceType | { readonly status: 'none' } | { readonly status: 'deleted'; readonly name: string };

type SettingsEdit = { readonly [K in keyof Settings]: Settings[K] | null };

export type DeviceTypeCommand =
  | {
      readonly type: 'CreateDeviceType';
      readonly name: string;
      readonly description?: string | undefined;
      readonly appVersions: readonly AppVersion[];
      readonly settings: Settings;
      readonly at: string;
    }
  | {
      readonly type: 'EditDeviceType';
      /** Absent: stays. */
      readonly name?: string | undefined;
      /** Null removes it. */
      readonly description?: string | null | undefined;
      /** Replaces the settings named; null in one: its default again. */
      readonly settings?: SettingsEdit | undefined;
    }
  | { readonly type: 'AddAppVersion'; readonly appVersion: AppVersion }
  /** Id or name. */
  | { readonly type: 'RemoveAppVersion'; readonly appVersion: string }
  | { readonly type: 'DeleteDeviceType' };

/**
 * Decides what a command changes. Returns no events when the command is already satisfied. Throws
 * `device-type-not-found`, `app-version-in-use`, `app-version-name-taken`. That names are unique is known only to the tables: see the projection.
 */
const decide = (command: DeviceTypeCommand, type: DeviceType): readonly DeviceTypeEvent[] => {
  switch (command.type) {
    case 'CreateDeviceType': {
      if (type.status !== 'none') return [];
      const { name, description, appVersions, at } = command;
      const settings = withoutNulls(command.settings);
      refuseTwins(appVersions);
      const described = description === undefined ? {} : { description };
      return [
        { type: 'DeviceTypeCreated', data: { name, ...described, appVersions, settings, createdAt: at } },
      ];
    }
    case 'EditDeviceType':
      return edit(command, existing(type));
    case 'AddAppVersion': {
      const { appVersions } = existing(type);
      const { appVersion } = command;
      if (appVersions.some((one) => one.id === appVersion.id)) return [];
      refuseTwins([...appVersions, appVersion]);
      const after = { ...existing(type), appVersions: [...appVersions, appVersion] };
      return [
        {
          type: 'AppVersionAdded',
          data: { appVersion, nth: appVersions.length + 1, summary: summaryOf(after) },
        },
      ];
    }
    case 'RemoveAppVersion':
      return removeAppVersion(command.appVersion, existing(type));
    case 'DeleteDeviceType':
      if (type.status === 'deleted') return [];
      return [{ type: 'DeviceTypeDeleted', data: { name: existing(type).name } }];
  }
};

/** Gone already: nothing happens. That no device has it is known only to the tables: see the projection. */
const removeAppVersion = (idOrName: string, before: ExistingDeviceType): readonly DeviceTypeEvent[] => {
  const appVersion =
    before.appVersions.find((one) => one.id === idOrName) ??
    before.appVersions.find((one) => one.name === idOrName);
  if (appVersion === undefined) return [];
  if (before.appVersions.length === 1) {
    throw new AppError('app-version-in-use', 'It is the only application version of its device type.');
  }
  const after = { ...before, appVersions: before.appVersions.filter((one) => one !== appVersion) };
  return [{ type: 'AppVersionRemoved', data: { appVersion, summary: summaryOf(after) } }];
};

const edit = (
  command: Extract<DeviceTypeCommand, { type: 'EditDeviceType' }>,
  before: ExistingDeviceType,
): DeviceTypeEvent[] => {
  const events: DeviceTypeEvent[] = [];
  let after = before;
  if (command.name !== undefined && command.name !== before.name) {
    after = { ...after, name: command.name };
    events.push({
      type: 'DeviceTypeRenamed',
      data: { from: before.name, to: command.name, summary: summaryOf(after) },
    });
  }
  if (command.description !== undefined && command.description !== before.description) {
    after = { ...after, description: command.description };
    events.push({
      type: 'DeviceTypeDescribed',
      data: { from: before.description, to: command.description, summary: summaryOf(after) },
    });
  }
  const settings = withoutNulls({ ...before.settings, ...command.settings });
  if (!sameJson(settings, before.settings)) {
    after = { ...after, settings };
    events.push({
      type: 'DeviceTypeSettingsChanged',
      data: { from: before.settings, to: settings, summary: summaryOf(after) },
    });
  }
  return events;
};

const evolve = (type: DeviceType, event: DeviceTypeEvent): DeviceType => {
  switch (event.type) {
    case 'DeviceTypeCreated': {
      const { name, description = null, appVersions, settings } = event.data;
      return { status: 'existing', name, description, appVersions, settings };
    }
    case 'DeviceTypeRenamed':
      return type.status === 'existing' ? { ...type, name: event.data.to } : type;
    case 'DeviceTypeDescribed':
      return type.status === 'existing' ? { ...type, description: event.data.to } : type;
    case 'DeviceTypeSettingsChanged':
      return type.status === 'existing' ? { ...type, settings: event.data.to } : type;
    case 'AppVersionAdded':
      return type.status === 'existing'
        ? { ...type, appVersions: [...type.appVersions, event.data.appVersion] }
        : type;
    case 'AppVersionRemoved':
      return type.status === 'existing'
        ? { ...type, appVersions: type.appVersions.filter(({ id }) => id !== event.data.appVersion.id) }
        : type;
    case 'DeviceTypeDeleted':
      return { status: 'deleted', name: event.data.name };
  }
};

export const deviceType: Aggregate<DeviceType, DeviceTypeCommand, DeviceTypeEvent> = {
  name: 'device-type',
  initial: { status: 'none' },
  evolve,
  decide,
  upcast,
};

const existing = (type: DeviceType): ExistingDeviceType => {
  if (type.status !== 'existing')
    throw new AppError('device-type-not-found', 'There is no such device type.');
  return type;
};

const refuseTwins = (appVersions: readonly AppVersion[]): void => {
  const names = appVersions.map((one) => one.name);
  const twin = names.find((name, index) => names.indexOf(name) !== index);
  if (twin !== undefined) {
    throw new AppError('app-version-name-taken', `The application version name "${twin}" is taken.`);
  }
};

const summaryOf = ({ name, appVersions, settings }: ExistingDeviceType): Summary => ({
  name,
  appVersions: appVersions.map((one) => one.name),
  settings,
});

/** Null passes the contract's rules of an optional field. Stored, it would make two ways to say "the default". */
const withoutNulls = (settings: SettingsEdit): Settings =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== null));
