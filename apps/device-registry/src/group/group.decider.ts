import { AppError } from '@muster/contracts';
import type { Aggregate } from '@muster/event-store';
import { upcast, type GroupEvent } from './group.events.js';

export interface ExistingGroup {
  readonly status: 'existing';
  readonly name: string;
  readonly description: string | null;
  readonly filter: string;
}

export type Group =
  ExistingGroup | { readonly status: 'none' } | { readonly status: 'deleted'; readonly name: string };

/** Filters that come in have been read: whether one can be is known to those who know the fields. */
export type GroupCommand =
  | {
      readonly type: 'CreateGroup';
      readonly name: string;
      readonly description?: string | undefined;
      readonly filter: string;
      readonly at: string;
    }
  | {
      /** Absent fields stay. */
      readonly type: 'EditGroup';
      readonly name?: string | undefined;
      /** Null removes it. */
      readonly description?: string | null | undefined;
      readonly filter?: string | undefined;
    }
  | { readonly type: 'DeleteGroup' };

/**
 * Decides what a command changes. Returns no events when the command is already satisfied. Throws `group-not-found`. That
 * names are unique is known only to the table.
 */
const decide = (command: GroupCommand, group: Group): readonly GroupEvent[] => {
  switch (command.type) {
    case 'CreateGroup': {
      if (group.status !== 'none') return [];
      const { name, description, filter, at } = command;
      const described = description === undefined ? {} : { description };
      return [{ type: 'GroupCreated', data: { name, ...described, filter, createdAt: at } }];
    }
    case 'EditGroup':
      return edit(command, existing(group));
    case 'DeleteGroup':
      if (group.status === 'deleted') return [];
      return [{ type: 'GroupDeleted', data: { name: existing(group).name } }];
  }
};

const edit = (
  { name, description, filter }: Extract<GroupCommand, { type: 'EditGroup' }>,
  before: ExistingGroup,
): GroupEvent[] => {
  const events: GroupEvent[] = [];
  if (name !== undefined && name !== before.name)
    events.push({ type: 'GroupRenamed', data: { from: before.name, to: name } });
  if (description !== undefined && description !== before.description)
    events.push({ type: 'GroupDescribed', data: { from: before.description, to: description } });
  if (filter !== undefined && filter !== before.filter)
    events.push({ type: 'GroupFilterChanged', data: { from: before.filter, to: filter } });
  return events;
};

const evolve = (group: Group, event: GroupEvent): Group => {
  if (event.type === 'GroupCreated') {
    const { name, description = null, filter } = event.data;
    return { status: 'existing', name, description, filter };
  }
  if (group.status !== 'existing') return group;
  switch (event.type) {
    case 'GroupRenamed':
      return { ...group, name: event.data.to };
    case 'GroupDescribed':
      return { ...group, description: event.data.to };
    case 'GroupFilterChanged':
      return { ...group, filter: event.data.to };
    case 'GroupDeleted':
      return { status: 'deleted', name: event.data.name };
  }
};

const existing = (group: Group): ExistingGroup => {
  if (group.status !== 'existing') throw new AppError('group-not-found', 'There is no such group.');
  return group;
};

export const group: Aggregate<Group, GroupCommand, GroupEvent> = {
  name: 'group',
  initial: { status: 'none' },
  evolve,
  decide,
  upcast,
};
