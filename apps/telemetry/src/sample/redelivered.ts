import type pg from 'pg';
import type { PreparedMessage, PreparedSample } from './prepare-message.js';
import { isoMicros } from './time.js';

/** Clocks of two adapters may differ by this: the original may seem to have arrived after its redelivery. */
const CLOCK_TOLERANCE_MICROS = 10_000_000;

/** Only such a sample is ever compared. One with a time of its own has a natural key, one not marked is new. */
export const isComparable = (message: PreparedMessage, sample: PreparedSample): boolean =>
  message.redelivered && !sample.ownTime;

/** Of a redelivered sample: the time at which it was stored before. */
export type KnownTimes = ReadonlyMap<PreparedSample, number>;

interface Question {
  readonly message: PreparedMessage;
  readonly sample: PreparedSample;
}

interface Candidate {
  readonly at: number;
  /** Arrival of the redelivery that was recognised in this row. */
  taken: number | null;
}

/**
 * Finds redelivered samples without a time of their own among what their device stored lately, by content. A row
 * stands for one redelivered sample, whenever that comes: the other of two equal readings may have been lost, and a lost
 * reading is worse than one stored twice. The row remembers the arrival it was matched with, so that the same request
 * sent again finds the same answer.
 *
 * The caller holds the store lock exclusively: the original may be in a batch that has not committed yet.
 */
export const recognise = async (
  tx: pg.PoolClient,
  messages: readonly PreparedMessage[],
  windowMicros: number,
): Promise<KnownTimes> => {
  const questions = messages
    .flatMap((message) =>
      message.samples
        .filter((sample) => isComparable(message, sample))
        .map((sample) => ({ message, sample })),
    )
    .sort((a, b) => a.message.receivedAt - b.message.receivedAt);
  const candidates = await candidatesFor(tx, questions, windowMicros);

  const known = new Map<PreparedSample, number>();
  const taken: (Question & { readonly at: number })[] = [];
  for (const { message, sample } of questions) {
    const { receivedAt } = message;
    const rows = candidates.get(keyOf(message, sample)) ?? [];
    // A row of this very time was made by this very request, sent before: the natural key will find it.
    if (rows.some(({ at }) => at === receivedAt)) continue;
    const before = rows.find((row) => row.taken === receivedAt);
    const free = rows.find(
      (row) =>
        row.taken === null &&
        row.at >= receivedAt - windowMicros &&
        row.at <= receivedAt + CLOCK_TOLERANCE_MICROS,
    );
    const row = before ?? free;
    if (row === undefined) continue;
    if (before === undefined) taken.push({ message, sample, at: row.at });
    row.taken = receivedAt;
    known.set(sample, row.at);
  }
  await markTaken(tx, taken);
  return known;
};

/** Rows of the same device and content around the arrival, oldest first. */
const candidatesFor = async (
  tx: pg.PoolClient,
  questions: readonly Question[],
  windowMicros: number,
): Promise<Map<string, Candidate[]>> => {
  const asked = [
    ...new Map(questions.map((question) => [keyOf(question.message, question.sample), question])).values(),
  ];
  const first = questions[0]?.message.receivedAt ?? 0;
  const last = questions.at(-1)?.message.receivedAt ?? 0;
  const { rows } = await tx.query<{
    tenant_id: string;
    device_id: string;
    hash: string;
    at: string;
    taken: string | null;
  }>(
    // ts = received_at: stored without a time of its own.
    `SELECT s.tenant_id, s.device_id, s.hash::text AS hash,
            (extract(epoch FROM s.ts) * 1000000)::bigint AS at,
            (extract(epoch FROM s.redelivered_at) * 1000000)::bigint AS taken
     FROM unnest($1::text[], $2::text[], $3::bigint[]) AS q (tenant_id, device_id, hash)
     JOIN samples s ON s.tenant_id = q.tenant_id AND s.device_id = q.device_id AND s.hash = q.hash
     WHERE s.ts BETWEEN $4::timestamptz AND $5::timestamptz AND s.ts = s.received_at
     ORDER BY s.ts`,
    [
      asked.map(({ message }) => message.tenantId),
      asked.map(({ message }) => message.deviceId),
      asked.map(({ sample }) => sample.hash),
      isoMicros(first - windowMicros),
      isoMicros(last + CLOCK_TOLERANCE_MICROS),
    ],
  );
  const candidates = new Map<string, Candidate[]>();
  for (const row of rows) {
    const key = `${row.tenant_id}\n${row.device_id}\n${row.hash}`;
    const candidate = { at: Number(row.at), taken: row.taken === null ? null : Number(row.taken) };
    candidates.set(key, [...(candidates.get(key) ?? []), candidate]);
  }
  return candidates;
};

const markTaken = async (
  tx: pg.PoolClient,
  taken: readonly (Question & { readonly at: number })[],
): Promise<void> => {
  if (taken.length === 0) return;
  await tx.query(
    `UPDATE samples s SET redelivered_at = q.taken
     FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::timestamptz[])
       AS q (tenant_id, device_id, ts, hash, taken)
     WHERE s.tenant_id = q.tenant_id AND s.device_id = q.device_id AND s.ts = q.ts AND s.hash = q.hash`,
    [
      taken.map(({ message }) => message.tenantId),
      taken.map(({ message }) => message.deviceId),
      taken.map(({ at }) => isoMicros(at)),
      taken.map(({ sample }) => sample.hash),
      taken.map(({ message }) => isoMicros(message.receivedAt)),
    ],
  );
};

const keyOf = ({ tenantId, deviceId }: PreparedMessage, { hash }: PreparedSample): string =>
  `${tenantId}\n${deviceId}\n${hash}`;
