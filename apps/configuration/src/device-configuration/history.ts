import { AppError, type HistoryItem, type HistoryPage, type ListHistory } from '@muster/contracts';
import type { EventStore, RecordedEvent } from '@muster/event-store';
import { deviceConfiguration } from './device-configuration.decider.js';
import type { ConfigurationEvent, DesiredChanges } from './device-configuration.events.js';

const DEFAULT_LIMIT = 50;
const READ_AT_ONCE = 200;
/** Events looked at for one page: a rare key in a long stream takes several pages, not one long query. */
const READ_PER_PAGE = 5_000;
/** A page must fit in a message of the bus, which takes 1 MB by default. */
const PAGE_BYTES = 500_000;
/** `at` is a service's clock, `recordedAt` the database's: how far they may differ before the reading stops too early. */
const CLOCK_TOLERANCE_MS = 60_000;

/** The place of an item: event, and key within the event. The next page begins after it. */
interface Place {
  readonly version: number;
  readonly index: number;
}

/** The stream itself, newest first, one item per key for desired and reported values. Throws `invalid-request`. */
export const readHistory = async (store: EventStore, request: ListHistory): Promise<HistoryPage> => {
  const { tenantId, deviceId, key, limit = DEFAULT_LIMIT } = request;
  const from = timeOf('from', request.from) ?? Number.NEGATIVE_INFINITY;
  const to = timeOf('to', request.to) ?? Number.POSITIVE_INFINITY;
  const items: HistoryItem[] = [];
  let bytes = 0;
  let place = request.cursor === undefined ? undefined : placeOf(request.cursor);

  for (let read = 0; read < READ_PER_PAGE;) {
    const events = await store.readStream(tenantId, deviceConfiguration, deviceId, {
      backwards: true,
      limit: READ_AT_ONCE,
      toVersion: place?.version,
      types: key === undefined ? undefined : ['DesiredConfigurationChanged', 'StateReported'],
    });
    read += events.length;
    for (const event of events) {
      if (Date.parse(event.recordedAt) < from - CLOCK_TOLERANCE_MS) return { items, nextCursor: null };
      for (const [index, item] of itemsOf(event).entries()) {
        if (place !== undefined && event.version === place.version && index <= place.index) continue;
        const at = Date.parse(item.at);
        if (at >= to || at < from || (key !== undefined && item.key !== key)) continue;
        const size = Buffer.byteLength(JSON.stringify(item));
        if (items.length === limit || (items.length > 0 && bytes + size > PAGE_BYTES)) {
          return { items, nextCursor: cursorAt({ version: event.version, index: index - 1 }) };
        }
        items.push(item);
        bytes += size;
      }
    }
    const last = events.at(-1);
    if (last === undefined || events.length < READ_AT_ONCE) return { items, nextCursor: null };
    place = { version: last.version, index: Number.MAX_SAFE_INTEGER };
  }
  return { items, nextCursor: place === undefined ? null : cursorAt(place) };
};

const itemsOf = (event: RecordedEvent<ConfigurationEvent>): HistoryItem[] => {
  const common = { source: event.metadata.actor, version: event.version };
  switch (event.type) {
    case 'DesiredConfigurationChanged': {
      const { changes, configId, changedAt: at, reason } = event.data;
      const more = { ...common, at, configId, ...(reason === undefined ? {} : { reason }) };
      return perKey(changes).map((change) => ({ ...more, kind: 'desired', ...change }));
    }
    case 'StateReported': {
      const { changes, configId, reportedAt: at } = event.data;
      return perKey(changes).map((change) => ({ ...common, at, configId, kind: 'reported', ...change }));
    }
    case 'ConfigurationReoffered': {
      const { configId, reofferedAt: at, reason } = event.data;
      return [{ ...common, at, configId, kind: 'reoffered', ...(reason === undefined ? {} : { reason }) }];
    }
    case 'ConfigurationDispatched': {
      const { configId, subscriber, dispatchedAt: at } = event.data;
      return [{ ...common, at, configId, kind: 'dispatched', subscriber }];
    }
    case 'ConfigurationApplied': {
      const { configId, implicit, appliedAt: at } = event.data;
      return [{ ...common, at, configId, kind: 'applied', implicit }];
    }
    case 'ConfigurationRejected': {
      const { configId, statusCode, reasonPhrase, rejectedAt: at } = event.data;
      const why = reasonPhrase === undefined ? {} : { reason: reasonPhrase };
      return [{ ...common, at, configId, kind: 'rejected', statusCode, ...why }];
    }
    case 'ObservationChanged':
    case 'ConfigurationEnded':
      return [];
  }
};

const perKey = (changes: DesiredChanges): Pick<HistoryItem, 'key' | 'from' | 'to' | 'origin'>[] =>
  Object.entries(changes)
    .map(([key, sides]) => ({ key, ...sides }))
    .sort((a, b) => (a.key < b.key ? -1 : 1));

const cursorAt = ({ version, index }: Place): string =>
  Buffer.from(`${version}.${index === Number.MAX_SAFE_INTEGER ? 'end' : index}`).toString('base64url');

const placeOf = (cursor: string): Place => {
  const match = /^(\d{1,10})\.(-1|\d{1,6}|end)$/.exec(Buffer.from(cursor, 'base64url').toString());
  const [, version, index] = match ?? invalid('cursor', 'is not one of ours');
  return { version: Number(version), index: index === 'end' ? Number.MAX_SAFE_INTEGER : Number(index) };
};

const timeOf = (field: string, text: string | undefined): number | undefined => {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  // The contract takes every ISO 8601 form, JavaScript reads only some of them.
  return Number.isNaN(time) ? invalid(field, 'must be a time like 2026-01-31T12:00:00Z') : time;
};

const invalid = (path: string, message: string): never => {
  throw new AppError('invalid-request', `${path} ${message}`, { errors: [{ path, message }] });
};
