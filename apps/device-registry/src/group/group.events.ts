import type { StoredEvent } from '@muster/event-store';

type Fact<Type extends string, Data extends object> = { readonly type: Type; readonly data: Data };
type Change<Type extends string, Value> = Fact<Type, { readonly from: Value; readonly to: Value }>;

export type GroupCreated = Fact<
  'GroupCreated',
  {
    readonly name: string;
    readonly description?: string;
    /** As it was written; it could be read then. */
    readonly filter: string;
    readonly createdAt: string;
  }
>;
export type GroupRenamed = Change<'GroupRenamed', string>;
/** Null: no description. */
export type GroupDescribed = Change<'GroupDescribed', string | null>;
export type GroupFilterChanged = Change<'GroupFilterChanged', string>;
export type GroupDeleted = Fact<'GroupDeleted', { readonly name: string }>;

export type GroupEvent = GroupCreated | GroupRenamed | GroupDescribed | GroupFilterChanged | GroupDeleted;

/** All events are of schema version 1: read as they are. */
export const upcast = (stored: StoredEvent): GroupEvent => stored as GroupEvent;
