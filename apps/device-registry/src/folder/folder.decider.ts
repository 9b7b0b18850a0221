import { AppError, MAX_FOLDER_DEPTH } from '@muster/contracts';
import type { Aggregate } from '@muster/event-store';
import { upcast, type FolderEvent, type Place } from './folder.events.js';
import { depthOf } from './folder-path.js';

export interface ExistingFolder {
  readonly status: 'existing';
  readonly name: string;
  readonly parentId: string | null;
}

export type Folder = ExistingFolder | { readonly status: 'none' } | { readonly status: 'deleted' };

/** What is true of the tree comes with the command: only the table of all folders knows it. */
export type FolderCommand =
  | { readonly type: 'CreateFolder'; readonly place: Place; readonly at: string }
  | {
      readonly type: 'MoveFolder';
      readonly id: string;
      readonly from: Place;
      readonly to: Place;
      /** The ids of all that it would be in. */
      readonly above: readonly string[];
      /** How many folders are in a row below it; 0: none. */
      readonly height: number;
    }
  | {
      readonly type: 'DeleteFolder';
      readonly path: string;
      /** In it and below. */
      readonly devices: number;
      readonly folders: number;
    };

/**
 * Decides what a command changes. Returns no events when the command is already satisfied. Throws `folder-not-found`,
 * `folder-in-circle`, `folder-too-deep`, `folder-not-empty`. That paths are unique is known only to the table.
 */
const decide = (command: FolderCommand, folder: Folder): readonly FolderEvent[] => {
  switch (command.type) {
    case 'CreateFolder':
      if (folder.status !== 'none') return [];
      return [{ type: 'FolderCreated', data: { ...command.place, createdAt: command.at } }];
    case 'MoveFolder':
      return move(command, existing(folder));
    case 'DeleteFolder': {
      if (folder.status === 'deleted') return [];
      existing(folder);
      const { path, devices, folders } = command;
      if (devices + folders > 0) {
        const inIt = `${counted(devices, 'device')} and ${counted(folders, 'folder')}`;
        throw new AppError('folder-not-empty', `The folder has ${inIt} in it.`);
      }
      return [{ type: 'FolderDeleted', data: { path } }];
    }
  }
};

const move = (
  { id, from, to, above, height }: Extract<FolderCommand, { type: 'MoveFolder' }>,
  { name, parentId }: ExistingFolder,
): FolderEvent[] => {
  if (to.name === name && to.parentId === parentId) return [];
  if (above.includes(id))
    throw new AppError('folder-in-circle', 'The parent is this folder, or is in this folder.');
  const depth = depthOf(to.path) + height;
  if (depth > MAX_FOLDER_DEPTH)
    throw new AppError(
      'folder-too-deep',
      `There would be ${depth} folders in one another, and at most ${MAX_FOLDER_DEPTH} are possible.`,
    );
  return [{ type: 'FolderMoved', data: { from, to } }];
};

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

const evolve = (folder: Folder, event: FolderEvent): Folder => {
  switch (event.type) {
    case 'FolderCreated':
      return { status: 'existing', name: event.data.name, parentId: event.data.parentId };
    case 'FolderMoved':
      if (folder.status !== 'existing') return folder;
      return { status: 'existing', name: event.data.to.name, parentId: event.data.to.parentId };
    case 'FolderDeleted':
      return { status: 'deleted' };
  }
};

const existing = (folder: Folder): ExistingFolder => {
  if (folder.status !== 'existing') throw new AppError('folder-not-found', 'There is no such folder.');
  return folder;
};

export const folder: Aggregate<Folder, FolderCommand, FolderEvent> = {
  name: 'folder',
  initial: { status: 'none' },
  evolve,
  decide,
  upcast,
};
