import type { HistoryItem, HistoryPage, ListHistory } from '@muster/contracts/configuration/requests';
import type { EventStore, ReadOptions, RecordedEvent } from '@muster/event-store';
import { COUNT, decodeCursor, encodeCursor } from '@muster/service-host';
import { Confirmations } from './confirmations.js';
import { deviceConfiguration } from '../device-configuration/device-configuration.decider.js';
import type {
  ConfigurationEvent,
  DesiredChanges,
} from '../device-configuration/device-configuration.events.js';

const DEFAULT_LIMIT = 50;
const READ_AT_ONCE = 200;
/** Events looked at for one page: a rare key in a long stream takes several pages, not one long query. */
const READ_PER_PAGE = 5_000;
/** A page must fit in a message of the bus, which takes 1 MB by default. */
const PAGE_BYTES = 500_000;
/** `confirmedAt`, which is found out after the item has its place. */
const LATER_BYTES = 45;
/** `at` is a service's clock, `recordedAt` the database's: how far they may differ before the reading stops too early. */
const CLOCK_TOLERANCE_MS = 60_000;

/** The place of an item: event, and key within the event. The next page begins after it. */
interface Place {
  readonly version: number;
  readonly index: number;
}

/** As the index of a place: the event is done with. */
const END = Number.MAX_SAFE_INTEGER;

/** The newest event that a page which begins there looks at. */
const newestOf = ({ version, index }: Place): number => (index === END ? version - 1 : version);

/** The stream itself, newest first, one item per key for desired and reported values. Throws `invalid-request`. */
export const readHistory = async (store: EventStore, request: ListHistory): Promise<HistoryPage> => {
  const { tenantId, deviceId, key, limit = DEFAULT_LIMIT } = request;
  const from = request.from === undefined ? Number.NEGATIVE_INFINITY : Date.parse(request.from);
  const to = request.to === undefined ? Number.POSITIVE_INFINITY : Date.parse(request.to);
  const read = (options: ReadOptions) => store.readStream(tenantId, deviceConfiguration, deviceId, options);
  const begin = placeOf(decodeCursor('history', request.cursor, PLACE));
  const confirmations = new Confirmations();
  if (begin !== undefined) await readNewer(read, begin, confirmations);

  const items: HistoryItem[] = [];
  let bytes = 0;
  /** What of the event is on this page. */
  const shownOf = (event: RecordedEvent<ConfigurationEvent>): HistoryItem[] => {
    const shown: HistoryItem[] = [];
    for (const [index, item] of itemsOf(event).entries()) {
      if (begin !== undefined && event.version === begin.version && index <= begin.index) continue;
      const at = Date.parse(item.at);
      if (at >= to || at < from || (key !== undefined && item.key !== key)) continue;
      const size = Buffer.byteLength(JSON.stringify(item)) + LATER_BYTES;
      if (items.length === limit || (items.length > 0 && bytes + size > PAGE_BYTES)) {
        page = { items, nextCursor: cursorAt({ version: event.version, index: index - 1 }) };
        break;
      }
      items.push(item);
      shown.push(item);
      bytes += size;
    }
    return shown;
  };

  /** Set when the page has its items. Read on is then only for when the last of them were confirmed. */
  let page: HistoryPage | undefined;
  let toVersion = begin && newestOf(begin);
  for (let count = 0; ;) {
    const events = await read({ backwards: true, limit: READ_AT_ONCE, toVersion });
    count += events.length;
    for (const event of events) {
      if (Date.parse(event.recordedAt) < from - CLOCK_TOLERANCE_MS) page ??= { items, nextCursor: null };
      confirmations.take(event, page === undefined ? shownOf(event) : []);
      if (page !== undefined && !confirmations.waiting) return page;
    }
    const last = events.at(-1);
    if (last === undefined || events.length < READ_AT_ONCE) return page ?? { items, nextCursor: null };
    toVersion = last.version - 1;
    if (count >= READ_PER_PAGE)
      page ??= { items, nextCursor: cursorAt({ version: last.version, index: END }) };
    if (page !== undefined && (!confirmations.waiting || count >= 2 * READ_PER_PAGE)) return page;
  }
};

/** What came after the page's first event, as far as it tells of the changes on the page. */
const readNewer = async (
  read: (options: ReadOptions) => Promise<RecordedEvent<ConfigurationEvent>[]>,
  begin: Place,
  confirmations: Confirmations,
): Promise<void> => {
  const events = await read({
    fromVersion: newestOf(begin) + 1,
    limit: READ_AT_ONCE,
    types: ['DesiredConfigurationChanged', 'ConfigurationApplied'],
  });
  for (const event of events.reverse()) confirmations.take(event, []);
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
      const { changes, configId, interface: by, reportedAt: at } = event.data;
      const more = { ...common, at, configId, interface: by };
      return perKey(changes).map((change) => ({ ...more, kind: 'reported', ...change }));
    }
    case 'ConfigurationReoffered': {
      const { configId, reofferedAt: at, reason } = event.data;
      return [{ ...common, at, configId, kind: 'reoffered', ...(reason === undefined ? {} : { reason }) }];
    }
    case 'ConfigurationDispatched': {
      const { configId, subscriber, interface: by, dispatchedAt: at } = event.data;
      return [{ ...common, at, configId, kind: 'dispatched', interface: by, subscriber }];
    }
    case 'ConfigurationApplied': {
      const { configId, implicit, interface: by, appliedAt: at } = event.data;
      return [{ ...common, at, configId, kind: 'applied', interface: by, implicit }];
    }
    case 'ConfigurationRejected': {
      const { configId, statusCode, reasonPhrase, interface: by, rejectedAt: at } = event.data;
      const why = reasonPhrase === undefined ? {} : { reason: reasonPhrase };
      return [{ ...common, at, configId, kind: 'rejected', interface: by, statusCode, ...why }];
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

/** Of a `Place`. Nine digits: what is above an `integer` PostgreSQL would refuse with an error of its own. */
const PLACE = [COUNT, /^(-1|\d{1,6}|end)$/];

const cursorAt = ({ version, index }: Place): string =>
  encodeCursor('history', [String(version), index === END ? 'end' : String(index)]);

const placeOf = (position: readonly string[] | undefined): Place | undefined => {
  if (position === undefined) return undefined;
  const [version, index] = position;
  return { version: Number(version), index: index === 'end' ? END : Number(index) };
};
