import type pg from 'pg';
import type { PreparedMessage } from './prepare-message.js';
import { CLOCK_TOLERANCE_MICROS, keyOf, questionsOf, type SlotRow } from './repeats.js';
import { isoMicros } from './time.js';

/** What `recogniseRepeats` must know of the store about these messages, oldest first. */
export const readSlots = async (
  tx: pg.PoolClient,
  messages: readonly PreparedMessage[],
  windowMicros: number,
): Promise<SlotRow[]> => {
  const questions = questionsOf(messages);
  const first = questions[0]?.message.receivedAt;
  const last = questions.at(-1)?.message.receivedAt;
  if (first === undefined || last === undefined) return [];
  const asked = [...new Map(questions.map((one) => [keyOf(one.message, one.sample), one])).values()];
  const { rows } = await tx.query<{
    tenant_id: string;
    device_id: string;
    hash: string;
    at: string;
    redelivered: string | null;
    duplicate: string | null;
  }>(
    // ts = received_at: stored without a time of its own.
    `SELECT s.tenant_id, s.device_id, s.hash::text AS hash,
            (extract(epoch FROM s.ts) * 1000000)::bigint AS at,
            (extract(epoch FROM s.redelivered_at) * 1000000)::bigint AS redelivered,
            (extract(epoch FROM s.duplicate_at) * 1000000)::bigint AS duplicate
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
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    deviceId: row.device_id,
    hash: row.hash,
    at: Number(row.at),
    redeliveredAt: row.redelivered === null ? null : Number(row.redelivered),
    duplicateAt: row.duplicate === null ? null : Number(row.duplicate),
  }));
};

/** After the insert: rows of this batch may have taken slots too. */
export const writeSlots = async (tx: pg.PoolClient, rows: readonly SlotRow[]): Promise<void> => {
  if (rows.length === 0) return;
  const timesOf = (field: 'redeliveredAt' | 'duplicateAt'): (string | null)[] =>
    rows.map(({ [field]: micros }) => (micros === null ? null : isoMicros(micros)));
  await tx.query(
    `UPDATE samples s SET redelivered_at = q.redelivered, duplicate_at = q.duplicate
     FROM unnest($1::text[], $2::text[], $3::timestamptz[], $4::bigint[], $5::timestamptz[], $6::timestamptz[])
       AS q (tenant_id, device_id, ts, hash, redelivered, duplicate)
     WHERE s.tenant_id = q.tenant_id AND s.device_id = q.device_id AND s.ts = q.ts AND s.hash = q.hash`,
    [
      rows.map(({ tenantId }) => tenantId),
      rows.map(({ deviceId }) => deviceId),
      rows.map(({ at }) => isoMicros(at)),
      rows.map(({ hash }) => hash),
      timesOf('redeliveredAt'),
      timesOf('duplicateAt'),
    ],
  );
};
