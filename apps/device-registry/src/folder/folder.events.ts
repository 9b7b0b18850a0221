import type { StoredEvent } from '@muster/event-store';

/** Where a folder is. */
export interface Place {
  readonly name: string;
  /** Null: in no other. */
  readonly parentId: string | null;
  /** At that time: it changes with every folder above, which says so in its own events. */
  readonly path: string;
}

type Fact<Type extends string, Data extends object> = { readonly type: Type; readonly data: Data };

export type FolderCreated = Fact<'FolderCreated', Place & { readonly createdAt: string }>;
/** Its name, its parent or both; what is below goes with it. */
export type FolderMoved = Fact<'FolderMoved', { readonly from: Place; readonly to: Place }>;
export type FolderDeleted = Fact<'FolderDeleted', { readonly path: string }>;

export type FolderEvent = FolderCreated | FolderMoved | FolderDeleted;

/** All events are of schema version 1: read as they are. */
export const upcast = (stored: StoredEvent): FolderEvent => stored as FolderEvent;
