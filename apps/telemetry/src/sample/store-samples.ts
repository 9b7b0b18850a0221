import { AppError, type ErrorCode, type ItemOutcome } from '@muster/contracts';
import type { TelemetryMessage } from '@muster/contracts/telemetry/requests';
import type { Database } from '@muster/event-store';
import type { Logger, Metrics } from '@muster/observability';
import type pg from 'pg';
import { beginBatch, waitForEarlier } from './batch-locks.js';
import { deviceOf, refusalOf, withinKeyLimit } from './key-limit.js';
import { mergeLatest, readKeys } from './latest-values.js';
import type { Partitions } from './partitions.js';
import { prepareMessage, type PreparedMessage, type PreparedSample } from './prepare-message.js';
import { readSlots, writeSlots } from './repeat-slots.js';
import { isComparable, recogniseRepeats, type Recognition } from './repeats.js';
import { nowMicros } from './time.js';

export interface StoreParts {
  readonly database: Database;
  readonly partitions: Partitions;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly redeliveryWindowMicros: number;
  readonly maxKeysPerDevice: number;
}

/** What is now on disk, with the time it lies under. */
export interface StoredMessage {
  readonly message: PreparedMessage;
  readonly samples: readonly { readonly at: number; readonly sample: PreparedSample }[];
}

/** `refused`: final. Without `stored` nothing of the message was stored; else all but what `refused` names. */
export interface StoreOutcome {
  readonly stored?: StoredMessage;
  readonly refused?: ItemOutcome;
}

interface Written {
  readonly known: Recognition['known'];
  readonly kept: ReturnType<typeof withinKeyLimit>['kept'];
  readonly refused: ReturnType<typeof withinKeyLimit>['refused'];
}

/** Rolls a batch back that gave devices more keys than they may have. */
class KeyLimitReached extends Error {
  constructor(readonly devices: readonly string[]) {
    super('devices would have too many keys');
  }
}

/** Devices remembered as having reached the limit. One that is forgotten costs a batch a second try. */
const MAX_CROWDED = 10_000;

interface Entry {
  readonly index: number;
  readonly message: PreparedMessage;
}

/**
 * Stores messages in one transaction, and those of devices with marked samples in a second; returns after the commit, one
 * outcome per message. Sent twice, stored once: rows
 * have the natural key (device, time, content). Rejects with `unavailable` when the database is away; then nothing, or
 * everything with the answer lost, was stored.
 */
export const samplesStore = ({
  database,
  partitions,
  logger,
  metrics,
  redeliveryWindowMicros,
  maxKeysPerDevice,
}: StoreParts) => {
  const storedCount = metrics.counter(
    'muster_telemetry_samples_total',
    'Samples on disk, by what became of them',
    ['outcome'],
  );
  const refusedCount = metrics.counter('muster_telemetry_refused_total', 'Messages refused for good', [
    'code',
  ]);

  const keysRefused = metrics.counter(
    'muster_telemetry_keys_refused_total',
    'Keys that were not stored because their device has as many as it may have, once per message',
  );
  /** Devices at the limit, as far as this process knows: their keys are looked at before they are written. */
  const crowded = new Set<string>();

  const write = async (entries: readonly Entry[]): Promise<Written> => {
    const atLimit = entries.some(({ message }) => crowded.has(deviceOf(message)));
    try {
      return await writeOnce(entries, atLimit);
    } catch (error) {
      if (!(error instanceof KeyLimitReached)) throw error;
      if (crowded.size + error.devices.length > MAX_CROWDED) crowded.clear();
      for (const device of error.devices) crowded.add(device);
      return writeOnce(entries, true);
    }
  };

  /** `atLimit`: one of the devices may be at its limit of keys. Else it is only seen to that none is over it. */
  const writeOnce = (entries: readonly Entry[], atLimit: boolean): Promise<Written> =>
    database.transaction(async (tx) => {
      const messages = entries.map(({ message }) => message);
      const compares = messages.some(isCompared);
      await (compares ? waitForEarlier(tx, messages) : beginBatch(tx));
      const { known, changed } = compares
        ? recogniseRepeats(
            messages,
            await readSlots(tx, messages, redeliveryWindowMicros),
            redeliveryWindowMicros,
          )
        : NOTHING_KNOWN;
      const keys = atLimit ? await readKeys(tx, messages) : undefined;
      const { kept, refused } =
        keys === undefined
          ? NOTHING_REFUSED
          : withinKeyLimit(messages, (device) => keys.get(device) ?? NO_KEYS, maxKeysPerDevice);
      const fresh = messages.flatMap((message) =>
        message.samples.flatMap((sample) => {
          if (known.has(sample)) return [];
          const rest = kept.has(sample) ? kept.get(sample) : sample;
          return rest === undefined ? [] : [{ message, sample: rest }];
        }),
      );
      // Samples first, devices after them, in every batch: in two orders they would wait for each other. What was there already
      // has been among the latest values once; it must not come back over what came after it with the same time.
      const inserted = await insert(tx, fresh);
      const over = await mergeLatest(tx, inserted, maxKeysPerDevice);
      if (!atLimit && over.length > 0) throw new KeyLimitReached(over);
      await writeSlots(tx, changed);
      database.afterCommit(tx, () => {
        storedCount.inc({ outcome: 'stored' }, inserted.length);
        storedCount.inc({ outcome: 'already-stored' }, fresh.length - inserted.length);
        for (const { as } of known.values()) storedCount.inc({ outcome: as });
        for (const names of refused.values()) keysRefused.inc(names.size);
      });
      return { known, kept, refused };
    });

  /** Halves a batch that the data of one of its messages makes fail, until that message stands alone. */
  const store = async (entries: readonly Entry[], outcomes: Map<number, StoreOutcome>): Promise<void> => {
    if (entries.length === 0) return;
    let written: Written;
    try {
      written = await write(entries);
    } catch (error) {
      if (!isDataFault(error)) throw error;
      const [first, ...others] = entries;
      if (first !== undefined && others.length === 0) {
        logger.warn({ err: error, deviceId: first.message.deviceId }, 'a message cannot be stored');
        return void outcomes.set(first.index, { refused: UNSTORABLE });
      }
      const half = Math.ceil(entries.length / 2);
      await store(entries.slice(0, half), outcomes);
      return store(entries.slice(half), outcomes);
    }
    for (const { index, message } of entries) {
      const { known, kept, refused } = written;
      const samples = message.samples.flatMap((sample) => {
        const rest = kept.has(sample) ? kept.get(sample) : sample;
        return rest === undefined ? [] : [{ at: known.get(sample)?.at ?? sample.at, sample: rest }];
      });
      const names = refused.get(message);
      outcomes.set(index, {
        ...(samples.length === 0 ? {} : { stored: { message, samples } }),
        ...(names === undefined ? {} : { refused: refusalOf(names, maxKeysPerDevice) }),
      });
    }
  };

  return async (messages: readonly TelemetryMessage[]): Promise<StoreOutcome[]> => {
    const outcomes = new Map<number, StoreOutcome>();
    const entries: Entry[] = [];
    const now = nowMicros();
    for (const [index, message] of messages.entries()) {
      const prepared = prepareMessage(message, now);
      if ('code' in prepared) outcomes.set(index, { refused: prepared });
      else entries.push({ index, message: prepared });
    }
    await partitions.ensureFor(timesOf(entries));
    // Devices that have a marked sample wait for others; those that have none must not wait with them.
    const waiting = new Set(
      entries.filter(({ message }) => isCompared(message)).map(({ message }) => deviceOf(message)),
    );
    await store(
      entries.filter(({ message }) => !waiting.has(deviceOf(message))),
      outcomes,
    );
    await store(
      entries.filter(({ message }) => waiting.has(deviceOf(message))),
      outcomes,
    );
    return messages.map((_message, index) => {
      const outcome = outcomes.get(index);
      if (outcome === undefined) throw new Error(`message ${index} has no outcome`);
      if (outcome.refused !== undefined && outcome.stored === undefined)
        refusedCount.inc({ code: outcome.refused.code ?? 'none' });
      return outcome;
    });
  };
};

const NOTHING_KNOWN: Recognition = { known: new Map(), changed: [] };
const NOTHING_REFUSED: ReturnType<typeof withinKeyLimit> = { kept: new Map(), refused: new Map() };
const NO_KEYS = { count: 0, known: new Set<string>() } as const;

const isCompared = (message: PreparedMessage): boolean =>
  message.samples.some((sample) => isComparable(message, sample));

const UNSTORABLE = {
  code: 'invalid-payload',
  detail: 'The data of a sample cannot be stored.',
} as const satisfies { code: ErrorCode; detail: string };

interface Row {
  readonly message: PreparedMessage;
  readonly sample: PreparedSample;
}

/** Rows that were there already are left alone; returns those that were not, in the order of `rows`. */
const insert = async (tx: pg.PoolClient, rows: readonly Row[]): Promise<readonly Row[]> => {
  // In the order of the key: two batches with the same samples (a redelivery beside its original) would otherwise wait
  // for each other's rows.
  const sorted = rows.toSorted(
    (a, b) =>
      compare(a.message.tenantId, b.message.tenantId) ||
      compare(a.message.deviceId, b.message.deviceId) ||
      a.sample.at - b.sample.at ||
      compare(a.sample.hash, b.sample.hash),
  );
  if (sorted.length === 0) return [];
  const keys = [
    sorted.map(({ message }) => message.tenantId),
    sorted.map(({ message }) => message.deviceId),
    sorted.map(({ sample }) => sample.at),
    sorted.map(({ sample }) => sample.hash),
  ];
  const { rowCount } = await tx.query({
    name: 'insert-samples',
    text: `INSERT INTO samples (tenant_id, device_id, ts, hash, received_at, data)
           SELECT t, d, 'epoch'::timestamptz + at * interval '1 microsecond', h,
                  'epoch'::timestamptz + r * interval '1 microsecond', j
           FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::jsonb[])
             AS n (t, d, at, h, r, j)
           ON CONFLICT DO NOTHING`,
    values: [...keys, sorted.map(({ sample }) => sample.receivedAt), sorted.map(({ sample }) => sample.json)],
  });
  if (rowCount === sorted.length) return rows;
  // Seldom, so that no batch pays for telling its rows back.
  const { rows: own } = await tx.query<{ nth: string }>({
    text: `SELECT n.nth FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
             WITH ORDINALITY AS n (t, d, at, h, nth)
           JOIN samples s ON s.tenant_id = n.t AND s.device_id = n.d AND s.hash = n.h
             AND s.ts = 'epoch'::timestamptz + n.at * interval '1 microsecond'
           WHERE s.xmin = pg_current_xact_id()::xid`,
    values: keys,
  });
  // A sample may stand twice in `sorted`: the row is that of the first.
  const inserted = new Map<string, Row>();
  for (const { nth } of own) {
    const row = sorted[Number(nth) - 1];
    if (row !== undefined && !inserted.has(placeOf(row))) inserted.set(placeOf(row), row);
  }
  const fresh = new Set(inserted.values());
  return rows.filter((row) => fresh.has(row));
};

const placeOf = ({ message, sample }: Row): string =>
  `${message.tenantId}\n${message.deviceId}\n${sample.at}\n${sample.hash}`;

const compare = (a: string, b: string): number => (a === b ? 0 : a < b ? -1 : 1);

const timesOf = function* (entries: readonly Entry[]): Iterable<number> {
  for (const { message } of entries) for (const { at } of message.samples) yield at;
};

/**
 * 22 data exception, 23 integrity, 54 program limit (nested too deeply for the server's stack): the fault of a row, and
 * the same at every further try. What PostgreSQL cannot hold as text comes as `invalid-request` from the database layer.
 */
const isDataFault = (error: unknown): boolean => {
  if (error instanceof AppError) return error.code === 'invalid-request';
  return (
    error instanceof Error &&
    'code' in error &&
    typeof error.code === 'string' &&
    /^(22|23|54)/.test(error.code)
  );
};
