import { AppError } from '@muster/contracts';
import { sameJson } from '@muster/contracts/same-json';
import type { HubEvent, HubSettings } from './hub.events.js';

export type Hub =
  { readonly status: 'none' | 'removed' } | { readonly status: 'existing'; readonly settings: HubSettings };

export type HubCommand =
  | { readonly type: 'AddHub'; readonly settings: HubSettings; readonly at: string }
  | {
      /** Absent settings stay. */
      readonly type: 'ChangeHub';
      readonly settings: Partial<HubSettings>;
      readonly at: string;
    }
  | { readonly type: 'RemoveHub'; readonly at: string };

const initial: Hub = { status: 'none' };

/**
 * Decides what a command changes. Returns no events when the command is already satisfied. Throws `iot-hub-not-found`. That
 * names, hosts and the types of devices are unique is known only to the tables.
 */
const decide = (command: HubCommand, hub: Hub): readonly HubEvent[] => {
  switch (command.type) {
    case 'AddHub': {
      if (hub.status !== 'none') return [];
      return [{ type: 'HubAdded', data: { settings: inOrder(command.settings), addedAt: command.at } }];
    }
    case 'ChangeHub': {
      const before = existing(hub);
      const settings = inOrder({ ...before, ...command.settings });
      if (sameJson(settings, before)) return [];
      return [{ type: 'HubChanged', data: { settings, changedAt: command.at } }];
    }
    case 'RemoveHub': {
      if (hub.status === 'removed') return [];
      return [{ type: 'HubRemoved', data: { name: existing(hub).name, removedAt: command.at } }];
    }
  }
};

const evolve = (_hub: Hub, event: HubEvent): Hub => {
  switch (event.type) {
    case 'HubAdded':
    case 'HubChanged':
      return { status: 'existing', settings: event.data.settings };
    case 'HubRemoved':
      return { status: 'removed' };
  }
};

/** The stream `iot-hub-<id>`. */
export const hub = { name: 'iot-hub', initial, stateVersion: 1, evolve, decide } as const;

const inOrder = (settings: HubSettings): HubSettings => ({
  ...settings,
  deviceTypes: [...new Set(settings.deviceTypes)].sort(),
});

const existing = (state: Hub): HubSettings => {
  if (state.status === 'existing') return state.settings;
  throw new AppError('iot-hub-not-found', 'There is no such IoT Hub.');
};
