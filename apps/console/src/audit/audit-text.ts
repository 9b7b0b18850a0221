import type { Entry } from './audit.queries.js';

/** `DeviceRenamed` → `device renamed`. */
export const inWords = (action: string): string =>
  action.replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2').toLowerCase();

/** Acts of one call on one thing, which belong together: a device that is made is given a token, too. */
export interface Row {
  readonly first: Entry;
  /** What else the call did to it, in the order in which it was done. */
  readonly others: readonly Entry[];
}

/** The newest first, as they come; of a call the first thing that was done stands for the rest. */
export const rowsOf = (entries: readonly Entry[]): readonly Row[] => {
  const rows: Entry[][] = [];
  for (const entry of entries) {
    const last = rows.at(-1);
    if (last?.[0] !== undefined && isOneCall(last[0], entry)) last.unshift(entry);
    else rows.push([entry]);
  }
  return rows.flatMap(([first, ...others]) => (first === undefined ? [] : [{ first, others }]));
};

const isOneCall = (a: Entry, b: Entry): boolean =>
  a.traceId !== undefined &&
  a.traceId === b.traceId &&
  a.resource.kind === b.resource.kind &&
  a.resource.id === b.resource.id &&
  a.actor.id === b.actor.id;
