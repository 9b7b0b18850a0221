import type { Delivered } from '@muster/messaging';

/** An event of a topic, with its place: the number of its source, and its sequence number there. */
export interface Arrived {
  readonly topic: string;
  readonly source: number;
  readonly seq: number;
  readonly event: Delivered;
}

export interface Update {
  readonly topic: string;
  /** `<entity>.<verb>` */
  readonly type: string;
  readonly at: string;
  readonly data: object;
  /** Sequence number by source: who has this update, has everything up to there. */
  readonly position: readonly number[];
}

/**
 * What is sent of events that came together, behind `position`. Their order is kept. Of what only tells how something stands
 * the newest is sent; connections and devices of the fleet are counted, and the counts come last. Each update has its own
 * position, so that a reader that is cut off in between goes on exactly there.
 */
export const flushOf = (position: readonly number[], arrived: readonly Arrived[]): readonly Update[] => {
  const newest = new Map<string, Arrived>();
  for (const one of arrived) newest.set(keyOf(one), one);
  const reached = [...position];
  const updates: Update[] = [];
  const fleet = arrived.filter(({ topic }) => topic === FLEET);
  for (const one of arrived) {
    if (one.topic === FLEET) continue;
    reached[one.source] = one.seq;
    if (newest.get(keyOf(one)) === one) updates.push({ ...updateOf(one), position: [...reached] });
  }
  const last = fleet.at(-1);
  if (last === undefined) return updates;
  reached[last.source] = last.seq;
  const counts: Record<string, number> = { provisioned: 0, deleted: 0, connected: 0, disconnected: 0 };
  for (const { event } of fleet) counts[event.contract.verb] = (counts[event.contract.verb] ?? 0) + 1;
  updates.push({ topic: FLEET, type: 'fleet.changed', at: last.event.time, data: counts, position: reached });
  return updates;
};

const FLEET = 'fleet';

/** Of the same key only the newest is sent. */
const keyOf = ({ topic, source, seq, event }: Arrived): string => {
  const type = typeOf(event);
  return STANDINGS.has(type) ? `${topic} ${type} ${event.entityId}` : `${source} ${seq}`;
};

/** Each of these tells all of how something stands. */
const STANDINGS = new Set([
  'job.changed',
  'campaign-phase.changed',
  'campaign-targets.changed',
  'supervision-verdicts.changed',
]);

const typeOf = ({ contract }: Delivered): string => `${contract.entity}.${contract.verb}`;

const updateOf = ({ topic, event }: Arrived): Omit<Update, 'position'> => ({
  topic,
  type: typeOf(event),
  at: event.time,
  data: standing(event),
});

/** Without what is in one event only: a reader that gets the newest alone would take a part of it for the whole. */
const standing = (event: Delivered): object => {
  const data = event.data as object; // of a contract
  if (!STANDINGS.has(typeOf(event))) return data;
  return Object.fromEntries(Object.entries(data).filter(([name]) => name !== 'errors' && name !== 'devices'));
};
