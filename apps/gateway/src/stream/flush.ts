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

/** What tells how something stands → the version that was sent of it last. */
export type SentVersions = Map<string, number>;

/** Standings that a reader's stream remembers: what it forgets can only be told once more. */
const REMEMBERED = 1_000;

/**
 * What is sent of events that came together, behind `position`. Their order is kept. Of what only tells how something stands
 * the newest is sent: that of the highest version, which need not come last (a transaction that began before another may end
 * after it), and nothing that is older than what was `sent`. Connections and devices of the fleet are counted, and the counts
 * come last. Each update has its own position, so that a reader that is cut off in between goes on exactly there.
 */
export const flushOf = (
  position: readonly number[],
  arrived: readonly Arrived[],
  sent: SentVersions = new Map(),
): readonly Update[] => {
  const newest = new Map<string, Arrived>();
  const last = new Map<string, Arrived>();
  for (const one of arrived) {
    const key = keyOf(one);
    last.set(key, one);
    const before = newest.get(key);
    if (before === undefined || versionOf(one) >= versionOf(before)) newest.set(key, one);
  }
  const reached = [...position];
  const updates: Update[] = [];
  const fleet = arrived.filter(({ topic }) => topic === FLEET);
  for (const one of arrived) {
    if (one.topic === FLEET) continue;
    reached[one.source] = one.seq;
    const key = keyOf(one);
    // In the place of the last: whoever goes on behind it is not told of the older ones.
    const told = last.get(key) === one ? newest.get(key) : undefined;
    if (told !== undefined && isNews(told, key, sent))
      updates.push({ ...updateOf(told), position: [...reached] });
  }
  const counted = fleet.at(-1);
  if (counted === undefined) return updates;
  reached[counted.source] = counted.seq;
  const counts: Record<string, number> = { provisioned: 0, deleted: 0, connected: 0, disconnected: 0 };
  for (const { event } of fleet) counts[event.contract.verb] = (counts[event.contract.verb] ?? 0) + 1;
  updates.push({
    topic: FLEET,
    type: 'fleet.changed',
    at: counted.event.time,
    data: counts,
    position: reached,
  });
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

/** Of a standing; all of them have one. */
const versionOf = ({ event }: Arrived): number => (event.data as { readonly version?: number }).version ?? 0;

const isNews = (one: Arrived, key: string, sent: SentVersions): boolean => {
  if (!STANDINGS.has(typeOf(one.event))) return true;
  const version = versionOf(one);
  if (version < (sent.get(key) ?? version)) return false;
  sent.delete(key);
  sent.set(key, version);
  for (const oldest of sent.keys()) {
    if (sent.size <= REMEMBERED) break;
    sent.delete(oldest);
  }
  return true;
};

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
