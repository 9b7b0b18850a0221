import { setTimeout as pause } from 'node:timers/promises';
import { AppError, type PublishedContract } from '@muster/contracts';
import type { Logger, Metrics } from '@muster/observability';
import type pg from 'pg';
import { adoptRestoredEvents } from './adopt-restored-events.js';
import type { RecordedEvent, Upcasting } from './aggregate.js';
import type { Database } from './database.js';
import { asAppError } from './database-fault.js';
import { decoderFor, EVENT_COLUMNS, type EventRow } from './decode-event.js';
import { answerDoorbell, doorbellChannel } from './doorbell.js';
import { startHandOver, type UntoldEvent } from './hand-over-parked.js';
import { CURSOR_MOVED } from './publish-again.js';
import {
  beginBundles,
  CursorMoved,
  isBehind,
  loadCursors,
  moveBundles,
  moveCursor,
  type Cursor,
} from './relay-cursor.js';

/** What is told outside about one stored event. */
export interface Published<Data extends object = object> {
  readonly contract: PublishedContract<Data>;
  readonly entityId: string;
  readonly data: Data;
}

interface Message {
  readonly contract: PublishedContract<object>;
  readonly event: {
    readonly tenantId: string;
    readonly entityId: string;
    readonly id: string;
    readonly time: string;
    readonly data: object;
    readonly traceparent?: string;
  };
}

/** The part of the bus a relay needs: for each event, in their order, a promise that the stream's server has acknowledged it. */
export interface EventPublisher {
  publishAll(events: readonly Message[], options?: { readonly in: 'bundles' }): readonly Promise<void>[];
}

export interface RelayOptions {
  readonly database: Database;
  readonly service: string;
  readonly bus: EventPublisher;
  /**
   * Pure. One event may be told as none, one or several; a throw parks the event in `relay_parked`. Undefined, as a
   * `switch` gives for a type it does not know: the event is of a newer version, which is left to publish it.
   */
  readonly translate: (event: RecordedEvent) => readonly Published[] | undefined;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** For upcasts. */
  readonly aggregates?: readonly Upcasting[];
  /** Where operators see what cannot be published. Absent: it stays in `relay_parked`. */
  readonly park?: (event: UntoldEvent) => Promise<void>;
  /** Events read, and in flight, at once. Default 500. */
  readonly batchSize?: number;
}

export interface Relay {
  /** This process holds the lock and publishes; of all replicas one does. */
  readonly active: boolean;
  /** Throws when publishing has been failing for 10 s; a replica that stands by is well. */
  check(): void;
  /**
   * Publishes one event that was parked, in any replica. Throws why it still cannot be; `not-found`: the event was erased;
   * `unavailable` when this version does not know it.
   */
  publishParked(event: Omit<UntoldEvent, 'reason'>): Promise<void>;
  /** Finishes what is in flight and gives the lock to another replica. */
  stop(): Promise<void>;
}

const POLL_MS = 1_000;
/** While rows wait above the horizon, whose moving on rings no bell. */
const MAX_RECHECK_MS = 50;
const MAX_BACKOFF_MS = 5_000;
const UNWELL_AFTER_MS = 10_000;

interface PendingRow extends EventRow {
  tx: string;
  settled: boolean;
}

/** `translate` or an upcast threw, or what they made cannot be addressed. */
class Untellable extends Error {
  constructor(cause: unknown) {
    super('the event cannot be told', { cause });
  }
}

const untellable = <T>(work: () => T): T => {
  try {
    return work();
  } catch (error) {
    throw new Untellable(error);
  }
};

/** During an update a newer replica writes what this one does not know. Parked, it would never be published. */
class OfNewerVersion extends Error {
  constructor({ type }: RecordedEvent) {
    super(`this version knows no event "${type}"`);
  }
}

/**
 * Publishes the events of a service's table, and its announcements, to JetStream: every committed event, at least once, each stream's in order.
 *
 * Positions and transaction ids are given before the commit, so a transaction may commit rows that lie *behind* rows a
 * reader has already seen. Therefore only rows of transactions below the oldest one still running (`xmin`) are read, in
 * the order (txid, position): nothing can appear behind the cursor any more. Without the horizon late commits are lost.
 * `ORDER BY e.txid` with the `e.`: the output column of that name would be text, in which 10 sorts before 9.
 * A transaction that writes to a stream after a younger one gives its events the id of that one (append.ts).
 *
 * One relay per schema, by a session lock; the cursor moves on the connection that holds the lock, so a relay that lost
 * it cannot move it. Killed between publishing and moving the cursor it publishes again with the same message ids, which
 * JetStream drops inside its window; later duplicates are for the consumers to ignore.
 */
export const startRelay = (options: RelayOptions): Relay => {
  const { database, service, bus, translate, logger, metrics, batchSize = 500 } = options;
  const decode = decoderFor(options.aggregates ?? []);
  const published = metrics.counter('muster_relay_published_total', 'Events acknowledged by JetStream');
  const failures = metrics.counter('muster_relay_failures_total', 'Failed attempts to publish a batch');
  const parked = metrics.counter(
    'muster_relay_parked_total',
    'Events in relay_parked, which are not published',
  );
  const lag = metrics.gauge('muster_relay_lag_seconds', 'Age of the oldest event that is not published');
  const activeGauge = metrics.gauge('muster_relay_active', '1 where the relay publishes');

  const stopped = new AbortController();
  let active = false;
  let failingSince: number | undefined;
  let failure: unknown;
  let rung = false;
  let cursorMoved = false;
  let wake: () => void = () => undefined;

  const ring = (): void => {
    rung = true;
    wake();
  };
  /** Until the doorbell, the stop, or `ms`. */
  const idle = async (ms: number): Promise<void> => {
    if (rung || stopped.signal.aborted) return void (rung = false);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    rung = false;
  };

  /** What is told of the event. Throws `Untellable`, and `OfNewerVersion`. */
  const messagesOf = (row: EventRow): readonly Message[] => {
    const { tenant_id: tenantId } = row;
    const id = `${service}:${tenantId}:${row.stream}:${row.version}`;
    const event = untellable(() => decode(row));
    const messages = untellable(() => translate(event));
    if (messages === undefined) throw new OfNewerVersion(event);
    const { recordedAt: time, metadata } = event;
    const traced = metadata.traceparent === undefined ? {} : { traceparent: metadata.traceparent };
    return messages.map(({ contract, entityId, data }, index) => {
      // Throws here, where it parks the event, and not in `publish`, where it would be tried for ever.
      untellable(() => contract.subject(tenantId, entityId));
      return {
        contract,
        event: { tenantId, entityId, id: index === 0 ? id : `${id}:${index}`, time, data, ...traced },
      };
    });
  };

  /** For each event its messages under way; of one that cannot be told, why. */
  const publishEvents = (
    rows: readonly EventRow[],
    options?: { readonly in: 'bundles' },
  ): readonly (readonly Promise<void>[])[] => {
    const told = rows.map((row): readonly Message[] | Promise<never> => {
      try {
        return messagesOf(row);
      } catch (error) {
        return Promise.reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    const underWay = bus.publishAll(
      told.flatMap((messages) => (messages instanceof Promise ? [] : messages)),
      options,
    );
    let next = 0;
    return told.map((messages) =>
      messages instanceof Promise ? [messages] : underWay.slice(next, (next += messages.length)),
    );
  };

  const parkEvent = async (client: pg.Client, row: PendingRow, fault: unknown): Promise<void> => {
    const reason = fault instanceof Untellable ? fault.cause : fault;
    logger.error({ err: reason, stream: row.stream, version: row.version }, 'an event cannot be published');
    await park(client, row, reason);
    parked.inc();
  };

  /**
   * Publishes all at once. Returns the last of those that were acknowledged without a gap before them, over which the cursor may
   * move, and what was in the way of the next.
   */
  const publishBatch = async (
    client: pg.Client,
    rows: readonly PendingRow[],
  ): Promise<{
    readonly last: PendingRow | undefined;
    readonly failed: PromiseRejectedResult | undefined;
  }> => {
    const underWay = publishEvents(rows);
    const outcomes = await Promise.allSettled(underWay.flat());
    let first = 0;
    let acknowledged = 0;
    let last: PendingRow | undefined;
    let failed: PromiseRejectedResult | undefined;
    for (const [index, row] of rows.entries()) {
      const own = outcomes.slice(first, (first += underWay[index]?.length ?? 0));
      const rejected = own.find((outcome) => outcome.status === 'rejected');
      if (rejected === undefined) acknowledged += own.length;
      else if (isHopeless(rejected.reason)) await parkEvent(client, row, rejected.reason);
      else failed ??= rejected;
      if (failed === undefined) last = row;
    }
    published.inc(acknowledged);
    return { last, failed };
  };

  /**
   * Bundles what a version that knows none has published: each event of it is a message alone, which our own services do not read
   * any more. During an update that may be in turn with us.
   */
  const bundleTheRest = async (client: pg.Client): Promise<void> => {
    await beginBundles(client, service);
    while (!stopped.signal.aborted) {
      const { alone, bundled } = await loadCursors(client, service);
      if (!isBehind(bundled, alone)) return;
      const pending = await readPending(client, bundled, batchSize);
      const rows = pending.filter((row) => !isBehind(alone, cursorAt(row)));
      const outcomes = await Promise.allSettled(publishEvents(rows, { in: 'bundles' }).flat());
      const failed = outcomes.find(
        (one): one is PromiseRejectedResult => one.status === 'rejected' && !isHopeless(one.reason),
      );
      if (failed !== undefined) throw failed.reason;
      const last = rows.at(-1);
      await moveBundles(client, service, last === undefined ? alone : cursorAt(last));
    }
  };

  const throwIfMoved = (): void => {
    if (!cursorMoved) return;
    cursorMoved = false;
    throw new CursorMoved();
  };

  /** Publishes as long as the connection with the lock lives; throws CursorMoved when it has to begin elsewhere. */
  const publishAll = async (client: pg.Client): Promise<void> => {
    await bundleTheRest(client);
    let { alone: cursor } = await loadCursors(client, service);
    let ahead = readPending(client, cursor, batchSize);
    let recheckMs = 2;
    while (!stopped.signal.aborted) {
      const rows = await ahead;
      throwIfMoved();
      const settled = rows.filter((row) => row.settled);
      const [oldest] = rows;
      lag.set(oldest === undefined ? 0 : (Date.now() - oldest.recorded_at.getTime()) / 1000);
      const last = settled.at(-1);
      if (last !== undefined) {
        const before = cursor;
        cursor = cursorAt(last);
        // The next batch is read while this one is published; a short one means that there is none yet.
        const full = settled.length === batchSize;
        if (full) ahead = readPending(client, cursor, batchSize);
        const { last: acknowledged, failed } = await publishBatch(client, settled);
        const moved = acknowledged && moveCursor(client, service, before, cursorAt(acknowledged));
        // Sent right behind it.
        if (!full && failed === undefined) ahead = readPending(client, cursor, batchSize);
        await moved;
        if (failed !== undefined) throw failed.reason;
        recheckMs = 2;
        failingSince = undefined;
        continue;
      }
      failingSince = undefined;
      // Rows above the horizon wait for a transaction that may belong to another service and will not ring our bell.
      recheckMs = Math.min(recheckMs * 2, MAX_RECHECK_MS);
      await idle(rows.length > 0 ? recheckMs : POLL_MS);
      ahead = readPending(client, cursor, batchSize);
    }
  };

  const session = async (): Promise<void> => {
    const client = await database.dedicated();
    let hangUp = (): void => undefined;
    client.on('notification', ({ payload }) => {
      if (payload === CURSOR_MOVED) cursorMoved = true;
      ring();
    });
    client.on('end', ring);
    try {
      // A cursor that falls back some milliseconds after a power cut only costs duplicates.
      await client.query('SET synchronous_commit = off');
      await client.query(`LISTEN ${doorbellChannel(database.schema)}`);
      while (!stopped.signal.aborted && !(await tryLock(client, database.schema))) {
        failingSince = undefined;
        await pause(POLL_MS, undefined, { signal: stopped.signal }).catch(() => undefined);
      }
      if (stopped.signal.aborted) return;
      const adopted = await adoptRestoredEvents(client, service);
      if (adopted > 0)
        logger.warn({ events: adopted }, 'the events come from another PostgreSQL server: adopted');
      logger.info('the relay is active');
      active = true;
      activeGauge.set(1);
      hangUp = answerDoorbell(database, ring);
      while (await endsByMove(publishAll(client))) logger.info('the cursor was set back: publishing again');
    } finally {
      active = false;
      activeGauge.set(0);
      hangUp();
      await client.end().catch(() => undefined);
    }
  };

  const run = async (): Promise<void> => {
    for (let backoff = 100; !stopped.signal.aborted;) {
      try {
        await session();
      } catch (error) {
        if (failingSince === undefined) {
          failingSince = Date.now();
          backoff = 100;
        }
        // Long enough for the newer replica to take the lock.
        if (error instanceof OfNewerVersion) backoff = Math.max(backoff, 2 * POLL_MS);
        failure = asAppError(error);
        failures.inc();
        logger.warn({ err: failure, backoffMs: backoff }, 'the relay will try again');
        await pause(backoff, undefined, { signal: stopped.signal }).catch(() => undefined);
        backoff = Math.min(backoff * 2, MAX_BACKOFF_MS);
      }
    }
  };

  const publishParked = async (ref: Omit<UntoldEvent, 'reason'>): Promise<void> => {
    const row = await readOne(database, ref);
    if (row === undefined) throw new AppError('not-found', 'The event was erased.');
    try {
      await Promise.all(publishEvents([row]).flat());
    } catch (error) {
      if (error instanceof OfNewerVersion) throw new AppError('unavailable', error.message, { cause: error });
      throw error instanceof Untellable ? error.cause : error;
    }
  };

  const running = run();
  const handOver =
    options.park && startHandOver({ database, isActive: () => active, park: options.park, logger });
  return {
    publishParked,
    get active() {
      return active;
    },
    check: () => {
      if (failingSince !== undefined && Date.now() - failingSince > UNWELL_AFTER_MS) {
        throw new Error(`publishing fails: ${failure instanceof Error ? failure.message : String(failure)}`);
      }
    },
    stop: async () => {
      stopped.abort();
      ring();
      await handOver?.stop();
      await running;
    },
  };
};

const tryLock = async (client: pg.Client, schema: string): Promise<boolean> => {
  const { rows } = await client.query<{ locked: boolean }>(
    'SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS locked',
    [`muster relay ${schema}`],
  );
  return rows[0]?.locked === true;
};

const endsByMove = async (publishing: Promise<void>): Promise<boolean> => {
  try {
    await publishing;
    return false;
  } catch (error) {
    if (error instanceof CursorMoved) return true;
    throw error;
  }
};

/** Each table by its own index, `limit` rows of it at most, before the two are merged. */
const pendingIn = (table: string): string =>
  `(SELECT * FROM ${table} e WHERE (e.txid, e.position) > ($1::text::xid8, $2::bigint)
    ORDER BY e.txid, e.position LIMIT $3)`;

/**
 * The horizon and the rows come from one snapshot, as they must: `settled` rows are a prefix in this order. Awaited later
 * than it is asked for, hence the second `catch`: a rejection nobody has come to yet must not count as unhandled.
 */
const readPending = (client: pg.Client, after: Cursor, limit: number): Promise<PendingRow[]> => {
  const reading = client
    .query<PendingRow>({
      name: 'read-pending',
      text: `SELECT ${EVENT_COLUMNS}, e.txid::text AS tx, e.txid < pg_snapshot_xmin(pg_current_snapshot()) AS settled
             FROM (${pendingIn('events')} UNION ALL ${pendingIn('announcements')}) e
             ORDER BY e.txid, e.position LIMIT $3`,
      values: [after.txid, after.position, limit],
    })
    .then(({ rows }) => rows);
  reading.catch(() => undefined);
  return reading;
};

const readOne = async (
  database: Database,
  { tenantId, stream, version }: Omit<UntoldEvent, 'reason'>,
): Promise<EventRow | undefined> => {
  const one = (table: string): string =>
    `SELECT ${EVENT_COLUMNS} FROM ${table} e WHERE e.tenant_id = $1 AND e.stream = $2 AND e.version = $3`;
  const { rows } = await database.query<EventRow>(`${one('events')} UNION ALL ${one('announcements')}`, [
    tenantId,
    stream,
    version,
  ]);
  return rows[0];
};

const park = async (client: pg.Client, row: PendingRow, reason: unknown): Promise<void> => {
  await client.query(
    `INSERT INTO relay_parked (tenant_id, stream, version, reason) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
    [row.tenant_id, row.stream, row.version, reason instanceof Error ? reason.message : String(reason)],
  );
};

/** Refused by the bus for what the event is, not for how the bus is: it would block all others for ever. */
const isHopeless = (error: unknown): boolean =>
  error instanceof Untellable ||
  (error instanceof AppError && (error.code === 'payload-too-large' || error.code === 'internal'));

const cursorAt = (row: PendingRow): Cursor => ({ txid: row.tx, position: row.position });
