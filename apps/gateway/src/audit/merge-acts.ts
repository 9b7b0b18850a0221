import type { Act, ActList, ActPlace } from '@muster/contracts/audit/requests';

/** Where an act is among those of all services: the newest first; of one time by service, then by position. */
export interface Place extends ActPlace {
  readonly service: string;
}

export interface Answer {
  readonly service: string;
  readonly list: Pick<ActList, 'items' | 'readTo'>;
}

export type ServiceAct = Act & { readonly service: string };

/**
 * A page of what the services answered, in order, and the place behind which the next one begins; null: it was the last. Nothing
 * is answered from behind a place up to which one of them has read: it may have more that comes before.
 */
export const merged = (
  answers: readonly Answer[],
  limit: number,
): { readonly items: readonly ServiceAct[]; readonly next: Place | null } => {
  const acts = answers
    .flatMap(({ service, list }) => list.items.map((act): ServiceAct => ({ ...act, service })))
    .sort((a, b) => inOrder(placeOf(a), placeOf(b)));
  const [bound] = answers
    .flatMap(({ service, list: { readTo } }) => (readTo === null ? [] : [{ ...readTo, service }]))
    .sort(inOrder);
  const known = bound === undefined ? acts : acts.filter((act) => inOrder(placeOf(act), bound) <= 0);
  const items = known.slice(0, limit);
  const last = items.at(-1);
  if (items.length < known.length && last !== undefined) return { items, next: placeOf(last) };
  return { items, next: bound ?? null };
};

/** What a service is asked for that begins behind `place`: of the same time it may come before or after it. */
export const beforeOf = (service: string, place: Place | undefined): ActPlace | undefined => {
  if (place === undefined) return undefined;
  const { at, position } = place;
  if (service === place.service) return { at, position };
  return { at, position: service > place.service ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER };
};

const placeOf = ({ service, place: { at, position } }: ServiceAct): Place => ({ at, position, service });

const inOrder = (a: Place, b: Place): number =>
  b.at - a.at || (a.service < b.service ? -1 : a.service > b.service ? 1 : 0) || b.position - a.position;
